"""What the page of a study says beside the comparison: chosen rates, test rows, conditions, and what budgets are called."""

from ...base.text import counted, difference, listed, number, quantity
from ..plan.rows import place_rows, reading_rows

TUTORIAL = "tutorial"
BUDGETS = {"epochs": "equal epochs", "steps": "equal steps", "time": "equal time", TUTORIAL: "the tutorial's protocol"}


def quality_name(design):
    """What the axis of quality says."""
    better = "higher" if design.larger_is_better else "lower"
    return f"validation {design.metric} ({better} is better)"


def heading(study):
    """What the study compares, in one sentence."""
    return f"Batch sizes {listed(map(number, study.design.batch_sizes))}, compared at equal {listed(study.design.equal)}"


def rate_rows(study):
    """The chosen learning rates as rows of strings, the heading first."""
    yield ("equal", "batch size", "rate", "as good within one standard error", "vertex of the parabola",
           "lower and higher were worse", "rates tried", "trials")
    for r in study.rates:
        yield (r.budget, number(r.batch_size), number(r.value), "no other" if r.low == r.high else quantity("", r.low, r.high),
               "–" if r.vertex is None else number(r.vertex), "yes" if r.interior else "no: a rate further out may be better",
               number(r.n_rates), number(r.n_trials))


def test_rows(study):
    """The comparison on the test rows, the heading first; the heading alone where there are none."""
    yield ("equal", "batch size", f"test {study.design.metric}", "difference (95 %)")
    for c in study.contrasts:
        if c.test is not None:
            floor = "" if c.test_floor is None else f" (±{1.96 * c.test_floor:.2g} by the number of rows)"
            yield (c.budget, number(c.setting.batch_size), f"{c.test:.4g}{floor}",
                   difference(c.test_difference, c.test_low, c.test_high))


def study_readings(study):
    """The readings beside the trainings, the heading first; how the engine trained, and the margin, are not among them."""
    return reading_rows([r for r in (*study.readings, *study.derived) if r.name != "margin" and not r.name.startswith("engine/")])


def study_conditions(study):
    """Under which conditions it holds, as `(name, text)`: design, seeds, margin, task, machine, versions."""
    design = study.design
    rates = (", ".join(map(number, design.learning_rates)) if design.learning_rates
             else "searched for each batch size, with as many trials each")
    yield ("Judged by", f"{quality_name(design)}, at the epoch chosen on one half of the validation rows, judged on the other")
    yield ("Reference", f"batch size {number(design.reference)}, {counted(design.epochs, 'epoch')}")
    yield ("Equal", listed(BUDGETS[budget] for budget in design.equal)
           + (", and the tutorial's protocol beside it" if design.tutorial else ""))
    yield ("Margin", f"{number(study.margin)} in {design.metric}: a smaller difference is too small to matter; "
           + ("1 % of what training gains, fixed" if design.margin is None else "declared")
           + " before the fresh seeds were trained")
    yield ("Learning rates", rates + ("; the worse half is dropped after a quarter of the examples" if design.halving else ""))
    yield ("Seeds", f"{number(design.n_seeds)} fresh ones, the same for every arm; {number(design.n_trial_seeds)} others to choose "
           f"learning rates; all follow from seed {design.seed}")
    yield ("Trainings", f"{number(len(study.curves))}, of which {number(sum(c.stage == 'screen' for c in study.curves))} trials")
    yield from place_rows(study.task, study.machine)
