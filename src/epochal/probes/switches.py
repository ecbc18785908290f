"""Which arguments of Keras' `compile` make its `fit` faster at one batch size, and change no number."""

from time import perf_counter

from ..base.text import number
from ..engine.guard import memory_guard
from ..records import Outcome, Reading, SwitchTime
from .probe import Probe
from .step_time import call_lengths, in_turns

_RESOLUTION = 0.1   # seconds that one timing must last
_REPEATS = 5
_LEAST_BUDGET = 30.0  # seconds: within fewer, trainings need the time more
_SHARE = 0.15         # of the budget


def switches(rig, *, seed=0, size=None, compilation=0.0, seconds=30.0):  # noqa: ARG001 - nothing is drawn
    """How many times sooner a step of Keras' own `fit` ends with `steps_per_execution` and, on TensorFlow, `jit_compile`.

    One switch after the other is put to the fastest way so far, and both take turns with the model as it is compiled, so that
    a slow moment of the machine hits them alike. The updates are the same ones; in a program that is compiled as a whole the last
    digits of floating-point numbers differ. Callbacks of a batch are called once for all the steps of an execution.

    Args:
        size: the batch size, by default the present one. compilation: seconds before the first update as the model is compiled.
        seconds: after which no further switch is tried, and each way is timed three times instead of five.

    Returns:
        A `Reading` in times, of the fastest way over the model as it is compiled, from the least to the most of the turns; with
        a `SwitchTime` for each way, that as compiled first. A switch that the model cannot be compiled with, or that could not
        be timed, is left out, and the note says so: `UNRESOLVED` where none is left, `UNSUPPORTED` where there is none. Holds for
        `fit` on this machine under today's load; whether it pays against the seconds of compiling is another question.
    """
    started, offered = perf_counter(), rig.switches()
    if not offered:
        return Reading(name="switches", outcome=Outcome.UNSUPPORTED, note="no argument of `compile` makes `fit` faster here")
    size = min(rig.present.batch_size if size is None else size, rig.n_examples)
    points, fastest, lengths, left_out = [_point(size, (), [1.0], [1.0], compilation)], (), {}, []

    def clock(way, n):
        return rig.fit_seconds(size, n, way)

    for switch in offered.items():
        if len(points) > 1 and perf_counter() - started > seconds:
            break
        tried = (*fastest, switch)
        with memory_guard(rig, rig.refused) as guard:
            compiling = rig.compile_seconds(size, tried)
            for way in ((), tried):
                if way not in lengths:
                    lengths[way] = call_lengths(clock, way, rig.n_examples // size, _RESOLUTION)[0]
            taken = in_turns(clock, {way: lengths[way] for way in {(): 0, fastest: 0, tried: 0}}, _REPEATS, started + seconds)
        if guard.ran_out:
            left_out.append(f"`{switch[0]}` is not for this model, or takes more memory than there is")
            continue
        if min(map(min, taken.values())) <= 0:
            left_out.append(f"`{switch[0]}` was not timed: the machine was too busy")
            continue
        repeats = len(taken[()])
        points[0] = _point(size, (), taken[()], taken[()], compilation)
        points.append(_point(size, tried, taken[tried], taken[()], compiling))
        fastest = min(taken, key=lambda way: sorted(taken[way])[len(taken[way]) // 2])
    if len(points) == 1:
        return Reading(name="switches", outcome=Outcome.UNRESOLVED, note="; ".join(left_out))
    best = max(points[1:], key=lambda point: point.sooner)
    return Reading(name="switches", value=best.sooner, low=best.low, high=best.high, repeats=repeats,
                   points=tuple(points), note="; ".join(left_out))


def _point(size, way, took, as_compiled, compiling):
    sooner = sorted(theirs / mine for mine, theirs in zip(took, as_compiled, strict=True))
    with_these = {"steps_per_execution": 1, "jit_compile": False} | dict(way)
    return SwitchTime(batch_size=size, **with_these, seconds=sorted(took)[len(took) // 2], sooner=sooner[len(sooner) // 2],
                      low=sooner[0], high=sooner[-1], compile_seconds=compiling)


def _sentences(reading, rig):  # noqa: ARG001
    best = max(reading.points[1:], key=lambda point: point.sooner)
    ways = [f"steps_per_execution={best.steps_per_execution}"] * (best.steps_per_execution > 1)
    ways += ["jit_compile=True"] * best.jit_compile
    named = " and ".join(f"`{way}`" for way in ways)
    if reading.low > 1:
        means = (f"With {named} a step of `fit` at batch size {best.batch_size:,} ends {number(reading.value)} times as soon: "
                 "with the smaller fixed cost of a step a larger batch saves less time.")
    else:
        means = f"With {named} a step of `fit` at batch size {best.batch_size:,} was not seen to end sooner: compile as it is."
    return means, "It does not mean that anything else is learnt: the updates are the same but for the last digits."


SWITCHES = Probe(
    name="switches", title="`fit` with `steps_per_execution`", what="time per batch of `fit` with `steps_per_execution`",
    why="where updates are short, it saves much of their time", cost=lambda budget, program: min(_SHARE * budget, 4 + 4 * program),
    run=switches, least_budget=_LEAST_BUDGET, not_on=("torch",), of_keras=True, explains=True,
    price="normal", sentences=_sentences)
