"""What will be measured, why, and about how long it will take: drawn up before anything is."""

from typing import NamedTuple

from ..scaling import steps_per_epoch
from .propose import batch_sizes, first_epochs, propose

PROGRAM = 0.9          # seconds to compile one program on a processor; less when it was compiled before
_FLOPS = 2e10          # multiplications and additions a second that a small network reaches on two cores
_LEAST_STEP = 1e-5     # seconds a fused step takes however small it is


class Item(NamedTuple):
    """One line of the agenda: the measurement's name, what it is, why it is made, and about how many seconds it takes."""

    name: str
    what: str
    why: str
    seconds: float


def agenda(task, present, evidence, budget):
    """The measurements to make, cheapest first, without those that the evidence already holds.

    Args:
        task: the `Task`. present: the user's `Setting`. evidence: what is known.
        budget: seconds for all of it.

    Returns:
        A tuple of `Item`s. The seconds are a guess from sizes alone, good to a factor of three; the last item takes what the
        budget leaves.
    """
    sizes = batch_sizes(present.batch_size, task.n_train)
    share = budget / 60
    items = [
        Item("memory", "largest batch that fits, read off the compiled program", "no crash is provoked to find it", 2 * PROGRAM),
        Item("throughput", "seconds a step of `fit` by batch size", "tells what a larger batch costs here",
             min(15 * share, 5 + 6 * PROGRAM)),
        Item("noise_scale", "gradient noise scale", "order of magnitude of the statistical limit", 1 + PROGRAM),
        Item("critical_rate", "critical learning rate at the start", "bounds the rates worth trying", 1 + PROGRAM),
        Item("prediction", "seconds a row of `predict` by batch size", "`predict` has a best batch size of its own",
             min(8 * share, 4 + 3 * PROGRAM)),
    ]
    items = [item for item in items if item.name not in evidence]
    if "study" not in evidence:
        left = max(budget - sum(item.seconds for item in items), 0.3 * budget)
        foreseen = {b: max(_LEAST_STEP, 6 * task.n_params * b / _FLOPS) for b in sizes}
        wanted = first_epochs(present.batch_size, task.n_train)
        sweeps = [propose(b, present.batch_size, task.n_train, foreseen[b], left, wanted) for b in sizes]
        sweeps = {b: sweep for b, sweep in zip(sizes, sweeps, strict=True) if sweep is not None}
        training = sum(steps_per_epoch(task.n_train, b) * foreseen[b] * s.n_epochs * s.n_lanes() for b, s in sweeps.items())
        seconds = min(training + 2.5 * PROGRAM * len(sizes), left)
        items.append(Item("study", f"up to {sum(s.n_lanes() for s in sweeps.values()):,} trainings at batch sizes "
                          f"{', '.join(f'{b:,}' for b in sizes)}: learning rates, then fresh seeds, yours with the same seeds",
                          "a fair comparison tunes the rate anew and does not believe one seed", seconds))
    return tuple(items)
