"""What a probe is: one measurement, with what the agenda says of it and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

COMPILING = "compiling"  # detail of the reading "pace": seconds that its first program took to compile
PRICES = ("quick", "normal", "thorough")  # classes of what a measurement costs; each holds the cheaper ones
LEAST_BUDGET = 20.0  # seconds: within fewer, trainings need the time more than what can wait
SMALL_PROGRAM = 0.9  # seconds to compile one program of a small model on a processor; less when it was compiled before
_DEAR = 0.04  # of the budget: where a program takes longer to compile, what only explains is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One measurement that a plan rests on; `PROBES` holds them all.

    Attributes:
        name: of the reading it returns. title: the same in words, as the head of a row.
        what, why: what is measured and what for, as the agenda says it.
        cost: `(budget, program) -> seconds` that it takes about, from a budget and what a program takes to compile, in seconds.
        run: `(rig, *, seed, ...) -> Reading`. It prints nothing, keeps no state, and leaves the rig as it was.
        options: `(rig, evidence, budget) -> dict`, what `run` is told beside the seed: its share of the budget, and what earlier
            readings say.
        least_budget: seconds; within fewer it is left out, since trainings need them more.
        not_on: back ends of Keras where there is nothing to measure.
        of_keras: whether it is about Keras' own `fit` alone, and says nothing where another trains.
        offered: `() -> bool`, whether what is installed allows it.
        explains: whether comparisons and times do without it: then it is left out where programs take long to compile.
        price: the cheapest class of `PRICES` in which `epochal measure` takes it.
        sentences: `(reading, rig) -> (what it means here for batch size, rate or epochs, what it does not mean)`, of a known one.
    """

    name: str
    title: str
    what: str
    why: str
    cost: Callable
    run: Callable
    options: Callable = lambda rig, evidence, budget: {}
    least_budget: float = 0.0
    not_on: tuple[str, ...] = ()
    of_keras: bool = False
    offered: Callable = lambda: True
    explains: bool = False
    price: str = "quick"
    sentences: Callable = lambda reading, rig: ("", "")

    def fits(self, budget, evidence):
        """Whether it can be made within so many seconds on the machine that the `Evidence` is about, for who trains there."""
        backend = evidence.machine and evidence.machine.backend
        return (budget >= self.least_budget and self.offered() and backend not in self.not_on
                and not (self.of_keras and evidence.trains_with != "keras")
                and not (self.explains and compiles_dearly(evidence, budget)))

    def seconds(self, budget, evidence):
        """What it takes, about, within a budget in seconds."""
        return self.cost(budget, program_seconds(evidence))

    def __call__(self, rig, **options):
        """The reading, with these options, and with all the seconds it took."""
        rig.wait()
        start = perf_counter()
        reading = self.run(rig, **options)
        rig.wait()
        means, does_not_mean = self.sentences(reading, rig) if reading.known else ("", "")
        return replace(reading, title=self.title, cost=perf_counter() - start, means=means, does_not_mean=does_not_mean)


def program_seconds(evidence):
    """Seconds that a program of this model takes to compile, as measured with the pace; what a small model takes, at least."""
    pace = evidence.get("pace")
    return max(SMALL_PROGRAM, dict(pace.details).get(COMPILING, 0.0) if pace is not None else 0.0)


def compiles_dearly(evidence, budget):
    """Whether compiling a program takes so much of a budget in seconds that there should be few of them."""
    return program_seconds(evidence) > max(_DEAR * budget, SMALL_PROGRAM)


def largest_that_fits(evidence):
    """The largest batch size that fits in memory; `None` where that is not known."""
    memory = evidence.get("memory")
    return None if memory is None else int(memory.value)
