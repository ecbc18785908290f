"""Hypothesis strategies that build any record from the types of its fields, so that a new record is tested unasked.

What has to fit together in a record (`records/fitting.py`) does: lists that belong together, for one, are of one length.
"""

import dataclasses
import enum
import types
import typing

from hypothesis import strategies as st

from epochal import records

KINDS = sorted((kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)), key=lambda kind: kind.__name__)


COUNTS, SIZES, RATES = st.integers(0, 2**40), st.integers(1, 2**40), st.floats(0, 1e30)
FINITE, SHARES = st.floats(-1e30, 1e30), st.floats(0, 1)
PLAIN = {float: st.floats(allow_nan=False), int: st.integers(-2**63, 2**63), bool: st.booleans(), str: st.text(max_size=20),
         types.NoneType: st.none()}
# of fields that must be what their name says, in whichever record
OF_FIELDS = {"batch_size": SIZES, "learning_rate": RATES, "width": SIZES, "seconds": RATES, "seconds_a_row": RATES,
             "compile_seconds": RATES, "peak_bytes": COUNTS, "steps_per_epoch": SIZES, "seed": COUNTS, "repeats": COUNTS,
             "cost": RATES, "n_cores": SIZES, "n_updates": COUNTS, "n_examples": COUNTS,
             "n_train": SIZES, "n_validation": COUNTS, "n_test": COUNTS, "n_params": COUNTS, "n_classes": COUNTS, "rarest": COUNTS,
             "memory_bytes": COUNTS, "n_seeds": SIZES, "n_trial_seeds": SIZES, "epochs": SIZES, "patience": COUNTS,
             "min_delta": RATES, "margin": RATES, "fold": st.integers(0, 2**10 - 1),
             "batches": SIZES, "micro_batch_size": SIZES, "empty": RATES, "odds": SHARES, "odds_any": SHARES, "weight": SHARES}


def anything(kind):
    """A strategy for values of exactly the type `kind`: no `float` for an `int`. Never `nan`, which equals nothing."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return SPECIAL.get(kind, fields_of)(kind)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([anything(one) for one in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        longest = 1 if dataclasses.is_dataclass(arguments[0]) else 3
        return st.lists(anything(arguments[0]), max_size=longest).map(tuple)
    if origin is tuple:
        return st.tuples(*(anything(one) for one in arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return PLAIN[kind]


def fields_of(kind, **given):
    """A strategy for records of `kind`, some of whose fields are `given`."""
    hints = typing.get_type_hints(kind)
    known = {name: OF_FIELDS[name].map(float if hint in (float, float | None) else int) | (
                 st.nothing() if hint in (int, float) else st.none())
             for name, hint in hints.items() if name in OF_FIELDS and hint in (int, float, int | None, float | None)} | given
    return st.builds(kind, **{field.name: known[field.name] if field.name in known else anything(hints[field.name])
                              for field in dataclasses.fields(kind)})


@st.composite
def curves(draw, kind, n_metrics=None, tested=None):
    n, m = draw(st.integers(0, 3)), draw(st.integers(0, 2)) if n_metrics is None else n_metrics
    row = st.tuples(*[FINITE] * n)
    metrics = st.sampled_from([0, m]).flatmap(lambda rows: st.tuples(*[row] * rows))
    tests = row if tested is None or tested else st.just(())
    blocks = st.tuples(*[FINITE] * draw(st.integers(0, 2)))
    return draw(fields_of(kind, train_loss=row, half_a=row, half_b=row, test_loss=tests, metrics=metrics, metrics_a=metrics,
                          metrics_b=metrics, test_metrics=metrics, blocks_a=blocks, blocks_b=blocks))


@st.composite
def readings(draw, kind):
    low, high = sorted(draw(st.tuples(PLAIN[float], PLAIN[float])))
    kinds = st.sampled_from(typing.get_args(records.Point))
    points = draw(kinds.flatmap(lambda one: st.lists(anything(one), max_size=2).map(tuple)))
    details = draw(st.dictionaries(PLAIN[str], PLAIN[float], max_size=3))
    return draw(fields_of(kind, low=st.just(low), high=st.just(high), points=st.just(points),
                          details=st.just(tuple(details.items()))))


@st.composite
def runs(draw, kind, n_blocks=None):
    n_a, n_b = draw(st.tuples(*[st.integers(1, 3)] * 2)) if n_blocks is None else n_blocks
    updates = sorted(draw(st.sets(SIZES, max_size=3)))
    marks = tuple(records.Mark(n_updates=n, half_a=draw(st.tuples(*[FINITE] * n_a)), half_b=draw(st.tuples(*[FINITE] * n_b)))
                  for n in updates)
    return draw(fields_of(kind, marks=st.just(marks), stage=st.sampled_from(["race", "fresh"])))


@st.composite
def leads(draw, kind):
    difference, sooner = (sorted(draw(st.tuples(*[some] * 3))) for some in (PLAIN[float], st.floats(1e-30)))
    figures = dict(zip(("low", "difference", "high", "sooner_low", "sooner", "sooner_high"), (*difference, *sooner), strict=True))
    return draw(fields_of(kind, seconds=st.floats(1e-9, 1e30), **{name: st.just(figure) for name, figure in figures.items()}))


UNTRAINED = records.Reading(name="untrained_loss", value=2.5, low=2.5, high=2.5, repeats=2)  # which goes with every race


@st.composite
def evidences(draw, kind):
    task = draw(st.none() | anything(records.Task))
    if task is None:
        return kind(readings=draw(anything(tuple[records.Reading, ...])))
    one = curves(records.Curve, len(task.metrics), draw(st.booleans()))
    raced = tuple(draw(st.lists(runs(records.Run, draw(st.tuples(*[st.integers(1, 3)] * 2))), max_size=2)))
    known = draw(anything(tuple[records.Reading, ...])) + ((UNTRAINED,) if raced else ())
    epochs = draw(st.none() | SIZES)
    fixed = [(), *((name,) for name in records.FIXABLE if name != "epochs" or epochs)]
    return draw(fields_of(kind, task=st.just(task), machine=anything(records.Machine), present=anything(records.Setting),
                          fixed=st.sampled_from(fixed), present_epochs=st.just(epochs),
                          max_memory=st.none() | st.integers(1, 2**50),
                          max_time=st.none() | st.floats(1e-9, 1e9),
                          until=st.none() | untils(records.Until, (task.decides, *task.metrics)),
                          trains_with=st.sampled_from([*records.TRAINERS]),
                          curves=st.lists(one, max_size=1).map(tuple), readings=st.just(known), runs=st.just(raced)))


def untils(kind, metrics=("loss", "accuracy")):
    known = [name for name in metrics if name != "loss"]
    loss = fields_of(kind, metric=st.just("loss"), at_least=st.just(False), value=FINITE)
    return (loss if "loss" in metrics else st.nothing()) | (
        fields_of(kind, metric=st.sampled_from(known), value=FINITE) if known else st.nothing())


@st.composite
def switches(draw, kind):
    low, sooner, high = sorted(draw(st.tuples(*[st.floats(1e-9, 1e9)] * 3)))
    interval = {"low": st.just(low), "sooner": st.just(sooner), "high": st.just(high)}
    return draw(fields_of(kind, steps_per_execution=SIZES, **interval))


@st.composite
def back_end_times(draw, kind):
    low, seconds, high = sorted(draw(st.tuples(*[st.floats(1e-9, 1e9)] * 3)))
    return draw(fields_of(kind, low=st.just(low), seconds=st.just(seconds), high=st.just(high)))


@st.composite
def gaps(draw, kind):
    low, gap, high = sorted(draw(st.tuples(*[PLAIN[float]] * 3)))
    return draw(fields_of(kind, low=st.just(low), gap=st.just(gap), high=st.just(high), n_updates=SIZES))


@st.composite
def predictions(draw, kind):
    flips, n_rows = sorted(draw(st.tuples(COUNTS, COUNTS)))
    return draw(fields_of(kind, flips=st.just(flips), n_rows=st.just(n_rows)))


@st.composite
def arms(draw, kind):
    three = st.tuples(*[PLAIN[float]] * 3) | st.just((None,) * 3)
    names = (("difference", "low", "high"), ("steps", "steps_low", "steps_high"), ("seconds", "seconds_low", "seconds_high"))
    figures = {name: figure for three_of in names for name, figure in zip(three_of, draw(three), strict=True)}
    return dataclasses.replace(draw(fields_of(kind)), **figures)


@st.composite
def plans(draw, kind):
    whole = fields_of(records.Choice, value=SIZES)
    evidence = evidences(records.Evidence).filter(lambda evidence: evidence.task is not None)
    return draw(fields_of(kind, batch_size=whole, epochs=whole, predict_batch_size=whole, evidence=evidence,
                          learning_rate=fields_of(records.Choice, value=st.floats(1e-9, 1e9))))


@st.composite
def designs(draw, kind):
    sizes = tuple(sorted(draw(st.sets(SIZES, min_size=1, max_size=3))))
    return draw(fields_of(kind, batch_sizes=st.just(sizes), reference=st.sampled_from(sizes),
                          equal=st.sets(st.sampled_from(records.BUDGETS)).map(tuple),
                          learning_rates=st.lists(st.floats(1e-9, 1e9), max_size=3).map(tuple)))


@st.composite
def studies(draw, kind):
    return dataclasses.replace(draw(fields_of(kind)), contrasts=())


SPECIAL = {records.Curve: curves, records.Reading: readings, records.Run: runs, records.Lead: leads, records.Evidence: evidences,
           records.Until: untils, records.Arm: arms, records.Plan: plans, records.Switches: switches, records.SwitchTime: switches,
           records.BackEndTime: back_end_times, records.StatisticsGap: gaps, records.PredictedApart: predictions,
           records.Design: designs, records.Study: studies}


def example(kind):
    """One record of `kind`, always the same: small, with an infinity, other scripts than Latin, and quotes in its text."""
    hints = typing.get_type_hints(kind)
    fitting = {"half_a": (0.5, 0.25), "half_b": (0.5, 0.25), "train_loss": (0.5, 0.25), "test_loss": (0.5, 0.25),
               "blocks_a": (0.5, 0.25), "blocks_b": (0.5, 0.25),
               "batch_sizes": (3, 5), "reference": 3, "equal": ("epochs",), "learning_rates": (0.1,), "fixed": ("batch_size",),
               "trains_with": "epochal", "max_time": 60.0, "metric": "loss", "decides": "loss", "at_least": False,
               "sooner_low": 0.5, "sooner": 1.5, "sooner_high": float("inf")}
    one = {name: fitting[name] if name in fitting else _one(int if hint == int | float else hint, name)
           for name, hint in hints.items()}
    if kind is records.Reading:
        one |= {"details": (('größe "損失"', float("-inf")),), "points": one["points"][:1]}
    if kind is records.Run:
        one |= {"stage": "fresh", "marks": tuple(dataclasses.replace(mark, n_updates=n) for n, mark in enumerate(one["marks"], 3))}
    if kind in (records.Switches, records.SwitchTime):
        one |= {"low": 0.5, "high": 2.5}
    if kind is records.BackEndTime:
        one |= {"low": 0.5, "seconds": 1.5, "high": 2.5}
    if kind is records.Until:
        one |= {"value": 0.125}
    if kind is records.Evidence:
        one |= {"readings": (*one["readings"], UNTRAINED)}
    return kind(**{field.name: one[field.name] for field in dataclasses.fields(kind)})


def _one(kind, name=""):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return example(kind)
    if origin in (types.UnionType, typing.Union):
        return _one(next(one for one in arguments if one is not types.NoneType), name)
    if origin is tuple and arguments[-1] is Ellipsis:
        return (_one(arguments[0]),) * 2
    if origin is tuple:
        return tuple(map(_one, arguments))
    if origin is typing.Literal:
        return arguments[-1]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)[-1]
    return {float: 0.125 if name in OF_FIELDS else float("-inf"), int: 3, bool: True, str: 'größe "損失" \\ \n'}[kind]
