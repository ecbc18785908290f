"""What will be measured, why, and about how long it will take: drawn up before anything is."""

from ..base.progress import Item
from ..base.text import duration, number
from ..rules.plan.propose import batch_sizes, first_epochs, propose
from ..rules.scaling import steps_per_epoch
from . import AFTERWARDS, PROBES
from .probe import SMALL_PROGRAM, program_seconds

_FLOPS = 2e10          # multiplications and additions a second that a small network reaches on two cores
_LEAST_STEP = 1e-5     # seconds a fused step takes however small it is
_TRAININGS = 25        # of the present setting and of two other batch sizes: the least that a comparison to the end takes
SHARE_OF_TRAININGS = 0.5  # of the budget, at least, that trainings to the end get: probes take the rest
_PROGRAMS = 6          # compiled for them, at least
_TIMED_AFTERWARDS = 0.1  # of the budget, about, for what is timed after a race
_FEWEST_EPOCHS = 16    # of each of them, on average: early stopping ends most of them soon after


def agenda(task, present, evidence, budget):
    """The measurements to make, cheapest first, without those that the evidence already holds.

    Returns:
        A tuple of `Item`s. The seconds are a guess from sizes alone, good to a factor of three; the trainings take what the
        `budget`, in seconds, leaves.
    """
    if not goes_to_the_end(task, present, evidence, budget):
        return _before_a_race(task, present, evidence, budget, evidence.get("pace").value)
    first, later = ([Item(probe.name, probe.what, probe.why, probe.seconds(budget, evidence)) for probe in due(evidence, budget)
                     if (probe in AFTERWARDS) is afterwards] for afterwards in (False, True))
    kept = sum(probe.seconds(budget, evidence) for probe in AFTERWARDS if probe.fits(budget, evidence))
    seconds = seconds_for_trainings(evidence, budget, kept + sum(item.seconds for item in first))
    if not had_its_time(evidence.get("study"), seconds):
        sizes = batch_sizes(present.batch_size, task.n_train, fixed=evidence.fixed)
        first.append(_trainings(task, present, sizes, seconds, evidence))
    return (*first, *later)


def seconds_for_trainings(evidence, budget, beside=0.0):
    """What trainings to the end get of a budget in seconds: all that probes before them have not taken, in this run or an earlier
    one, and half of it at least. `beside`: seconds for what is still to be measured beside them."""
    first = PROBES.keys() - {probe.name for probe in AFTERWARDS}
    probed = sum(reading.cost for reading in evidence.readings if reading.name in first)
    return max(budget - probed - beside, SHARE_OF_TRAININGS * budget)


def had_its_time(ended, seconds):
    """Whether a comparison, told by its reading or `None`, ended and had at least nine tenths of so many seconds."""
    return ended is not None and ended.detail("budget") >= 0.9 * seconds


def goes_to_the_end(task, present, evidence, budget):
    """Whether a plan rests on trainings to the end: where those have begun, or the pace that was measured allows them."""
    pace = evidence.get("pace")
    return bool(evidence.curves) or pace is None or is_affordable(task, present, pace.value, budget, program_seconds(evidence))


def is_affordable(task, present, pace, budget, program=SMALL_PROGRAM):
    """Whether so many seconds allow trainings to the end, of the present setting and of others, at a pace in seconds an update,
    where a program takes so many to compile."""
    steps = steps_per_epoch(task.n_train, min(present.batch_size, task.n_train))
    compiling = _PROGRAMS * max(0.0, program - SMALL_PROGRAM)
    return _TRAININGS * _FEWEST_EPOCHS * steps * pace + compiling <= SHARE_OF_TRAININGS * budget


def _before_a_race(task, present, evidence, budget, pace):
    items = [Item(probe.name, probe.what, probe.why, probe.seconds(budget, evidence))
             for probe in (PROBES["memory"], PROBES["throughput"]) if probe.name not in evidence]
    left, an_epoch = budget - sum(item.seconds for item in items), steps_per_epoch(task.n_train, present.batch_size) * pace
    took = sum(reading.cost for reading in evidence.readings if reading.name in ("pace", "study", *PROBES))
    if not had_its_time(evidence.get("race"), left - took - _TIMED_AFTERWARDS * budget):
        present_one = f"{evidence.whose} ({present.batch_size:,} at {number(present.learning_rate)})"
        what = (f"batch sizes and learning rates for equal seconds of training, {present_one} always among them; then the one "
                f"ahead and {evidence.whose} again with new random seeds")
        whole = _TRAININGS * _FEWEST_EPOCHS * an_epoch
        compiled = max(0.0, program_seconds(evidence) - SMALL_PROGRAM) * _PROGRAMS
        why = (f"trainings get about half of the budget of {duration(budget)}, and to train every setting to its end would take "
               f"about {duration(whole + compiled)}")
        items.append(Item("race", what, why, max(left, 0.3 * budget)))
    return tuple(items)


def due(evidence, budget):
    """The probes to run: those that the evidence does not hold and that so many seconds, and the back end, allow."""
    return [probe for probe in PROBES.values() if evidence.lacks(probe.name) and probe.fits(budget, evidence)]


def _trainings(task, present, sizes, seconds, evidence):
    program, pace, own = program_seconds(evidence), evidence.get("pace"), min(present.batch_size, task.n_train)
    foreseen = {b: max(_LEAST_STEP, 6 * task.n_params * b / _FLOPS) for b in sizes}
    if pace is not None:  # an embedding has many parameters, and an update touches few of them
        foreseen = {b: min(guess, pace.value * max(1.0, b / own)) for b, guess in foreseen.items()}
    wanted = first_epochs(present.batch_size, task.n_train)
    sweeps = {b: propose(b, present.batch_size, task.n_train, foreseen[b], seconds, wanted) for b in sizes}
    sweeps = {b: sweep for b, sweep in sweeps.items() if sweep is not None}
    training = sum(steps_per_epoch(task.n_train, b) * foreseen[b] * s.n_epochs * s.n_lanes() for b, s in sweeps.items())
    n = sum(s.n_lanes() for s in sweeps.values())
    return Item("study", f"{f'up to {n:,} ' if n else ''}trainings at batch sizes "
                f"{', '.join(f'{b:,}' for b in sizes)}: learning rates first, then with new random seeds, the same "
                "for every setting; as many of them as the time allows",
                "a fair comparison tunes the learning rate at each batch size and repeats with several seeds",
                min(training + 2.5 * program * len(sizes), seconds))
