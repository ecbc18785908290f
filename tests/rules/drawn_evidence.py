"""Evidence drawn by a seed: whole comparisons and races of every kind that a measurement may leave, with noise, gaps and limits."""

import math
import random
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from rules.worlds import FLOOR, MARGIN, UNTRAINED, Truth, at, clock, hyperbola
from rules.worlds import evidence as evidence_of

from epochal.records import (
    TRAINED_BEFORE,
    BackEndTime,
    Curve,
    Evidence,
    Machine,
    Mark,
    Outcome,
    PassTime,
    Reading,
    Run,
    SwitchTime,
    Task,
    Until,
)
from epochal.rules.plan.decide import GOALS

SIZES, RATES, N_BLOCKS = (8, 32, 128, 512, 1600), (3e-4, 1e-3, 3e-3), 4
LEVELS = tuple(0.128 * 2**i for i in range(6))  # seconds at which the runs of a race are looked at
GAPS = (Outcome.UNKNOWN, Outcome.UNRESOLVED, Outcome.SKIPPED, Outcome.OUT_OF_MEMORY)


class Drawn(NamedTuple):
    """What was drawn: the evidence, the goal, and words for its kind."""

    evidence: Evidence
    goal: str
    kind: str


def drawn(seed, kind=None):
    """The `Drawn` of a seed. Of four kinds three are whole comparisons, and one is a race, or what the machine alone tells."""
    draw = random.Random(seed)
    kind = kind or ("race" if seed % 4 == 3 else "whole")
    known = race(draw, seed) if kind == "race" else whole(draw, seed)
    return Drawn(known, draw.choice((*GOALS, "fastest", "fastest")), kind)


# whole comparisons


def whole(draw, seed):
    """Evidence of settings that were trained to the end, or as far as their epochs went."""
    room = draw.choice((100, 300, 700)) if draw.random() < 0.15 else None
    settings = _settings(draw, room)
    n_seeds, n_folds = draw.choice((2, 3, 5, 8, 8)), draw.choice((1, 1, 5))
    noise = draw.choice((0.05, 0.5, 2.0)) * MARGIN
    truths = _truths(draw, settings, noise)
    known = evidence_of(truths, seed=seed, n_seeds=n_seeds, n_screen=draw.choice((1, 1, 2)), shared=MARGIN,
                        wobble=draw.choice((0.0, 0.3)) * MARGIN, n_epochs=draw.choice((3, 8, 15, 24)), trained_to_the_end=False,
                        present=settings[0], n_validation=draw.choice((40, 400)), **_readings(draw, settings[0], room))
    unlike = n_folds > 1 and draw.random() < 0.2
    rng = np.random.default_rng([seed, 11])
    turns = {setting: draw.choice((99, draw.randint(2, 20))) for setting in settings}
    lag = draw.choice((0.0, 0.0, 0.3, 3.0)) * MARGIN  # what the test rows make of a setting, beside what validation rows do
    on_test = {setting: lag * rng.normal() for setting in settings} if draw.random() < 0.5 else {}
    named = draw.choice(((), ("accuracy",), ("accuracy", "auc")))
    of_rows = {setting: draw.choice((0.0, 0.5, 2.0)) * MARGIN * rng.normal(size=(n_folds, 2, N_BLOCKS)) for setting in settings}
    beside = {setting: draw.choice((0.0, 0.1)) for setting in settings}  # what the metrics say otherwise than the loss
    curves = []
    for curve in known.curves:
        curve = _turned(curve, turns[curve.setting], draw)
        if curve.stage != "screen":
            curve = _on_rows(curve, 0 if unlike and curve.seed % 2 else curve.seed % n_folds, of_rows[curve.setting])
            curve = _on_test(curve, rng, on_test, named)
        curves.append(replace(curve, metrics=tuple(
            _metric(curve.validation_loss, i, beside[curve.setting]) for i in range(len(named)))))
    known = replace(known, task=_task(draw, known.task, named, bool(on_test)), curves=tuple(_unequal(draw, curves, settings)))
    if room is not None and settings[0].batch_size > room:
        known = replace(known, max_memory=10**8)  # asked for: the present setting takes more
    if named and draw.random() < 0.3:
        known = _by_metric(known)
    return _asked(draw, _with_folds(draw, known, n_folds, unlike), draw.choice((0.05, 0.3, 2.0, 10.0)))


def _by_metric(known):
    """The same where the first metric decides, and one less the metric is what was called the loss; it lies between 0 and 1."""
    task = replace(known.task, decides=known.task.metrics[0], larger_is_better=True, metrics=("loss", *known.task.metrics[1:]),
                   constant_loss=None if known.task.constant_loss is None else known.task.constant_loss / 2.5)

    def smaller(curve):
        named = ("half_a", "half_b", "blocks_a", "blocks_b", "test_loss")
        return replace(curve, metrics=(curve.validation_loss, *curve.metrics[1:]), test_metrics=(
            (curve.test_loss, *curve.test_metrics[1:]) if curve.test_metrics else ()),
            **{name: tuple(loss / 2.5 for loss in getattr(curve, name)) for name in named})

    readings = tuple(replace(one, value=one.value / 2.5, low=one.low / 2.5, high=one.high / 2.5) if one.name == "untrained_loss"
                     else one for one in known.readings)
    return replace(known, task=task, curves=tuple(map(smaller, known.curves)), readings=readings)


def _settings(draw, room):
    """The present setting, then others, which have room in memory."""
    schedule = "CosineDecay" if draw.random() < 0.08 else "constant"
    present = at(draw.choice((32, 32, 32, 32, 128, 8, 4096)))
    sizes = [size for size in draw.sample(SIZES, draw.choice((0, 1, 2, 3, 4, 4))) if room is None or size <= room]
    others = [at(size, rate) for size in sizes for rate in draw.sample(RATES, draw.choice((1, 1, 2)))]
    return [replace(setting, schedule=schedule) for setting in dict.fromkeys((present, *others))]


def _truths(draw, settings, noise):
    world = draw.choice(("alike", "alike", "law", "apart", "apart", "present is worse", "large ones are worse"))
    s_min, b_crit = 10 ** draw.uniform(1, 2.3), 10 ** draw.uniform(1, 3.5)
    found = {}
    for i, setting in enumerate(settings):
        excess = {"apart": draw.gauss(0, 3) * MARGIN, "present is worse": 4 * MARGIN * (i == 0),
                  "large ones are worse": 9 * MARGIN * (setting.batch_size > 32)}.get(world, 0.0)
        steps = hyperbola(s_min, b_crit, min(setting.batch_size, 1600)) * (1 if world == "law" else 10 ** draw.gauss(0, 0.3))
        diverges = draw.random() < (0.05 if i == 0 else 0.1)
        found[setting] = Truth(excess=excess, steps=steps, private=noise, diverges=diverges)
    return found


def _readings(draw, present, room=None) -> dict[str, Any]:
    """Readings of the machine, some of them missing or failed; `room` is what fits into memory where that is less than all rows."""
    size = min(present.batch_size, 1600)
    found = {
        "throughput": clock(draw.choice((1e-5, 1.3e-3, 1e-2)), draw.choice((0.0, 1e-6, 1e-5)), spread=draw.choice((1.01, 1.3))),
        "memory": Reading(name="memory", value=1600.0, unit="examples", low=1600.0, high=1600.0, repeats=1),
        "compilation": Reading(name="compilation", value=2.5, unit="s", low=2.0, high=3.0, repeats=3),
        "validation": Reading(name="validation", value=2e-2, unit="s", low=1e-2, high=3e-2, repeats=3, points=tuple(
            PassTime(batch_size=b, seconds_a_pass=1e-2 + 0.3 / b, low=1e-2, high=3e-2 + 0.3 / b) for b in (32, 512))),
        "prediction": Reading(name="prediction", value=512.0, unit="examples", low=256.0, high=1024.0, repeats=5)}
    if found["throughput"].outcome is Outcome.LOWER_BOUND:
        found["throughput"] = replace(found["throughput"], value=5000.0, low=5000.0)
    if room is not None:
        found["memory"] = replace(found["memory"], value=float(room), low=float(room), high=float(room))
    for name in found:
        if draw.random() < 0.15 and (name != "memory" or room is None):
            failed = Reading(name=name, outcome=draw.choice(GAPS), note=draw.choice(("", "a busy machine")))
            found[name] = draw.choice((None, failed))
    if draw.random() < 0.15:
        now = SwitchTime(batch_size=size, steps_per_execution=1, jit_compile=False, seconds=1e-3, sooner=1.0, low=1.0, high=1.0,
                         compile_seconds=0.1)
        found["switches"] = Reading(name="switches", value=2.0, low=1.5, high=2.5, repeats=5, points=(now, replace(
            now, steps_per_execution=16, seconds=5e-4, sooner=2.0, low=1.8, high=2.2)))
    if draw.random() < 0.15:
        here = BackEndTime(batch_size=size, backend="tensorflow", seconds=1e-3, low=9e-4, high=1.1e-3, compile_seconds=0.2)
        found["back_ends"] = Reading(name="back_ends", value=4.0, low=3.0, high=5.0, repeats=5, points=(here, replace(
            here, backend="jax", seconds=2e-4, low=1.9e-4, high=2.1e-4)))
    return found


def _turned(curve, turn, draw):
    """The training with losses that rise from an epoch on, and that ends some epochs after its lowest."""
    rise = [0.004 * max(0, epoch - turn) for epoch in range(1, curve.n_epochs + 1)]
    halves = [tuple(loss + more for loss, more in zip(half, rise, strict=True)) for half in (curve.half_a, curve.half_b)]
    curve = replace(curve, half_a=halves[0], half_b=halves[1])
    losses = curve.validation_loss
    return _as_long(curve, losses.index(min(losses)) + 1 + draw.choice((5, 8, 99)))


def _as_long(curve, n_epochs):
    """The training as it was after so many epochs."""
    return replace(curve, **{name: getattr(curve, name)[:n_epochs] for name in ("half_a", "half_b", "train_loss", "test_loss")},
                   **{name: tuple(row[:n_epochs] for row in getattr(curve, name)) for name in ("metrics", "test_metrics")})


def _on_rows(curve, fold, of_rows):
    """The training as the rows of a fold would show it."""
    halves = [np.array(losses) + of_rows[fold, i].mean() for i, losses in enumerate((curve.half_a, curve.half_b))]
    blocks = [half[other.argmin()] + of_rows[fold, i] - of_rows[fold, i].mean()
              for i, (half, other) in enumerate((halves, halves[::-1]))]
    a, b, blocks_a, blocks_b = (tuple(map(float, values)) for values in (*halves, *blocks))
    return replace(curve, fold=fold, half_a=a, half_b=b, blocks_a=blocks_a, blocks_b=blocks_b)


def _on_test(curve, rng, on_test, named):
    if not on_test:
        return curve
    losses = np.array(curve.validation_loss) + on_test[curve.setting] + 0.1 * MARGIN * rng.normal()
    losses = tuple(map(float, losses))
    return replace(curve, test_loss=losses, test_metrics=tuple(_metric(losses, i) for i in range(len(named))))


def _metric(losses, place, less=0.0):
    """A metric that rises as the loss falls, to a value that is lower for some settings."""
    return tuple((0.99 - 0.1 * place - less) * math.exp(-max(0.0, loss - FLOOR) / 3) for loss in losses)


def _unequal(draw, curves, settings):
    """The trainings that there are where measuring was interrupted: of some settings but the first few, or one that diverged."""
    few = {setting: draw.choice((1, 2, 4)) for setting in settings[1:] if draw.random() < 0.15}
    broken = draw.choice(settings) if draw.random() < 0.1 else None
    for curve in curves:
        if curve.stage == "screen" or curve.seed < few.get(curve.setting, 99):
            lost = curve.setting == broken and curve.seed == 1 and curve.stage != "screen" and curve.n_epochs > 1
            yield replace(_as_long(curve, 2), outcome=Outcome.DIVERGED) if lost else curve


def _task(draw, task, named, tested):
    """A task of classes or of numbers, of which more or less is known."""
    numbers = draw.random() < 0.3
    constant = draw.choice((None, None, None, 1.9, 1.9, 1.9, 0.24))
    notes = (TRAINED_BEFORE,) if draw.random() < 0.1 else ()
    return replace(task, kind="regression" if numbers else "multiclass", n_test=200 if tested else 0, metrics=named, notes=notes,
                   loss="mse" if numbers else "sparse_categorical_crossentropy", constant_loss=constant,
                   optimizer=draw.choice(("adam", "sgd", "MultiOptimizer")), n_classes=0 if numbers else 3)


def _with_folds(draw, known, n_folds, unlike):
    """What is known beside trainings that were judged on rows held out in turn; `unlike` the user's own rows, or not."""
    if n_folds == 1:
        return known
    known = known.add(Reading(name="engine", value=1e-3, unit="s", repeats=1, details=(("rows", 1280.0),)))
    if unlike or draw.random() < 0.4:
        apart = 0.5 if unlike else 0.001
        known = known.add(Reading(name="own_rows", title="validation loss on your rows less that on training rows held out",
                                  value=apart, low=apart / 2, high=2 * apart, repeats=10, details=(("unlike", 0.2),)))
    return known


def _asked(draw, known, seconds):
    """What the user said, fixed and asked for. Who says nothing of the present setting says nothing of its epochs."""
    known = replace(known, said=draw.random() < 0.6, trains_with=draw.choice(("keras", "keras", "keras", "epochal")))
    if known.said and draw.random() < 0.4:
        known = replace(known, present_epochs=draw.choice((3, 10, 50)))
    fixable = ["batch_size", "learning_rate", *["epochs"] * (known.present_epochs is not None)]
    if draw.random() < 0.2:
        known = replace(known, fixed=(draw.choice(fixable),))
    if known.most_epochs and draw.random() < 0.8:  # else some were trained for longer before that was said
        known = replace(known, curves=tuple(_cut(curve, known.most_epochs) for curve in known.curves))
    if draw.random() < 0.2:
        known = replace(known, max_time=seconds)
    if draw.random() < 0.2:
        aims = [Until(metric="loss", value=FLOOR + draw.choice((1, 5, 20)) * MARGIN, at_least=False)]
        names = [name for name in (known.task.decides, *known.task.metrics) if name != "loss"]
        aims = aims * (known.task.decides == "loss") + [Until(metric=name, value=draw.choice((0.8, 0.9, 0.97)), at_least=True)
                                                        for name in names[:1]]
        known = replace(known, until=draw.choice(aims))
    return known


def _cut(curve: Curve, n_epochs):
    return curve if curve.n_epochs <= n_epochs else replace(_as_long(curve, n_epochs), blocks_a=(), blocks_b=())


# races


def race(draw, seed):
    """Evidence of settings that raced: one run of each, and some with fresh seeds of the present one and the one ahead."""
    rng = np.random.default_rng([seed, 13])
    present = at(draw.choice((32, 32, 128, 4096)))
    others = [setting for setting in (at(draw.choice((8, 128, 512)), draw.choice(RATES)) for _ in range(draw.randint(0, 4)))
              if setting != present]
    settings = list(dict.fromkeys((present, *others)))
    n_train, t0, c = draw.choice((1000, 60_000)), draw.choice((1e-4, 2e-3)), draw.choice((1e-6, 1e-5))
    world = draw.choice(("alike", "apart", "one is ahead", "one is ahead", "crossing", "nothing is learnt"))
    pace = {setting: 1.0 if world == "alike" else 10 ** draw.gauss(0, 0.3) for setting in settings}
    final = {setting: draw.gauss(0, 2) * MARGIN if world in ("apart", "crossing") else 0.0 for setting in settings}
    if world == "one is ahead" and others:
        pace = dict.fromkeys(settings, 1.0) | {others[0]: 4.0}
    noise, turn = draw.choice((0.1, 0.5, 2.0)) * MARGIN, draw.choice((99.0, 99.0, 0.3))
    reached = {setting: draw.randint(1, len(LEVELS)) for setting in settings}
    reached[present] = max(reached.values())
    ahead = max(others, key=lambda setting: (pace[setting], reached[setting]), default=None)

    def run(setting, race_seed, stage, n_levels):
        luck, marks, step = noise * rng.normal(), [], t0 + c * min(setting.batch_size, n_train)
        of_rows = 0.3 * noise * rng.normal(size=(2, N_BLOCKS))
        for level in LEVELS[:n_levels]:
            n_updates = math.floor(level / step + 0.02)
            if not n_updates or (marks and n_updates == marks[-1].n_updates):
                continue
            fallen = (1 + level * pace[setting] / 0.1) ** -1.0
            loss = FLOOR + final[setting] + (UNTRAINED - FLOOR) * fallen + 0.3 * max(0.0, level - turn) + luck
            loss += 3.0 * (world == "nothing is learnt")
            halves = (loss + of_rows + 0.2 * noise * rng.normal(size=(2, N_BLOCKS))).tolist()
            marks.append(Mark(n_updates=n_updates, half_a=tuple(halves[0]), half_b=tuple(halves[1])))
        lost = draw.random() < (0.04 if setting == present else 0.08)
        outcome = draw.choice((Outcome.DIVERGED, Outcome.DIVERGED, Outcome.OUT_OF_MEMORY)) if lost else Outcome.OK
        return Run(setting=setting, seed=race_seed, stage=stage, marks=tuple(marks), outcome=outcome, seconds=1.0)

    runs = [run(setting, 0, "race", reached[setting]) for setting in settings] if draw.random() < 0.95 else []
    n_fresh, deep = draw.choice((0, 2, 3, 3)) * bool(runs and ahead), draw.randint(1, len(LEVELS))
    for fresh in range(1, 1 + n_fresh):
        pair = (present, ahead)[:draw.choice((1, 2, 2, 2)) if fresh == n_fresh else 2]  # measuring may end between the two
        runs += [run(setting, fresh, "fresh", deep) for setting in pair]
    readings = _readings(draw, present, n_train) | {"throughput": clock(t0, c, spread=draw.choice((1.01, 1.1)))}
    if draw.random() < 0.05:
        readings["throughput"] = Reading(name="throughput", outcome=Outcome.SKIPPED)
    untrained = Reading(name="untrained_loss", value=UNTRAINED, low=2.1, high=2.3, repeats=2)
    task = Task(name="made up", kind="custom", n_train=n_train, n_validation=400, n_params=1000, loss="mse", optimizer="adam",
                fingerprint="made-up", n_classes=0)
    task = replace(_task(draw, task, (), False), constant_loss=draw.choice((None, 1.5)))
    readings = (untrained, *(reading for reading in readings.values() if reading is not None))
    known = Evidence(task=task, machine=Machine(backend="fake", device="cpu", n_cores=1, memory_bytes=2**30), present=present,
                     readings=readings, runs=tuple(runs))
    if draw.random() < 0.15:  # the present setting was trained to the end as well, and no other could be
        alone = evidence_of({present: Truth(steps=300, private=noise)}, seed=seed, n_seeds=3, n_epochs=5, trained_to_the_end=False,
                            present=present, n_train=n_train)
        known = replace(known, curves=alone.curves)
    return _asked(draw, known, draw.choice((0.5, 20.0, 300.0)))
