"""Which arguments of Keras' `compile` make its `fit` faster at one batch size, and change no number."""

from time import perf_counter

from ..records import Outcome, Reading, SwitchTime
from .probe import PROGRAM, Probe
from .step_time import call_lengths, in_turns

_RESOLUTION = 0.1   # seconds that one timing must last
_REPEATS = 5
_LEAST_BUDGET = 30.0  # seconds: within fewer, trainings need the time more
_SHARE = 0.15         # of the budget


def switches(rig, *, seed=0, size=None, compilation=0.0, seconds=30.0):  # noqa: ARG001 - nothing is drawn
    """How many times sooner a step of Keras' own `fit` ends with `steps_per_execution` and, on TensorFlow, `jit_compile`.

    One switch after the other is put to the fastest way so far, and both take turns. The updates are the same ones; in a program
    that is compiled as a whole the last digits of floating-point numbers differ. Callbacks of a batch are called once for all the
    steps of an execution.

    Args:
        size: the batch size, by default the present one. compilation: seconds before the first update as the model is compiled.
        seconds: after which no further switch is tried, and each way is timed three times instead of five.

    Returns:
        A `Reading` in times, of the fastest way over the model as it is compiled, with a `SwitchTime` for each way, that as
        compiled first. `UNSUPPORTED` where there is no switch; `UNRESOLVED` where the machine was too busy. Holds for `fit` on this
        machine under today's load; whether it pays against the seconds of compiling is another question.
    """
    started, offered = perf_counter(), rig.switches()
    if not offered:
        return Reading(name="switches", outcome=Outcome.UNSUPPORTED, note="no argument of `compile` makes `fit` faster here")
    size = min(rig.present.batch_size if size is None else size, rig.n_examples)
    timed, compiling = {(): []}, {(): compilation}
    fastest = ()
    for switch in offered.items():
        if fastest in timed and len(timed) > 1 and perf_counter() - started > seconds:
            break
        tried = (*fastest, switch)
        compiling[tried] = rig.compile_seconds(size, tried)
        lengths = {way: call_lengths(lambda way, n: rig.fit_seconds(size, n, way), way, rig.n_examples // size, _RESOLUTION)[0]
                   for way in (fastest, tried)}
        taken = in_turns(lambda way, n: rig.fit_seconds(size, n, way), lengths, _REPEATS, started + seconds)
        if min(map(min, taken.values())) <= 0:
            return Reading(name="switches", outcome=Outcome.UNRESOLVED,
                           note="the machine was too busy: longer calls of fit took no longer than short ones")
        timed |= taken
        fastest = min(taken, key=lambda way: sorted(taken[way])[len(taken[way]) // 2])
    points = [_point(size, way, sorted(took), compiling[way]) for way, took in timed.items()]
    best = min(points[1:], key=lambda point: point.seconds)
    return Reading(name="switches", unit="", value=points[0].seconds / best.seconds, low=points[0].low / best.high,
                   high=points[0].high / best.low, repeats=min(map(len, timed.values())), points=tuple(points))


def _point(size, way, took, compilation):
    with_these = {"steps_per_execution": 1, "jit_compile": False} | dict(way)
    return SwitchTime(batch_size=size, **with_these, seconds=took[len(took) // 2], low=took[0], high=took[-1],
                      compile_seconds=compilation)


SWITCHES = Probe(
    name="switches", title="a step of `fit` with switches of `compile`", what="seconds a step of `fit` with `steps_per_execution`",
    why="where updates are short, it saves much of their time", cost=lambda budget: min(_SHARE * budget, 4 + 4 * PROGRAM),
    run=switches, least_budget=_LEAST_BUDGET)
