"""What the tutorial's protocol says in a study, beside the fair comparison, and why the two differ. Pure."""

import math

from ...base import seeds
from ...base.text import counted, difference, listed, number
from ...records import Verdict
from ...records.study import found_in
from ...rules.study.judging import best_value
from .rows import BUDGETS, TUTORIAL


def tutorial_lines(study):
    """The tutorial's own table, a line a batch size, as its script prints it: one seed, the time, the best validation value."""
    for contrast in study.of(TUTORIAL):
        value = _by_seed(study, contrast).get(seeds.integer(study.design.seed, "confirm", 0))
        time = "not measured" if contrast.seconds is None else f"{contrast.seconds:.1f}s"
        best = "not trained" if value is None else f"{value:.4f}" if math.isfinite(value) else "nan"
        yield f"batch_size={contrast.setting.batch_size:4d}  time={time}  best_val_{study.design.metric}={best}"


def tutorial_rows(study):
    """The same protocol with all seeds, as rows of strings, the heading first."""
    yield ("batch size", f"best val. {study.design.metric}", "lowest to highest seed", "difference (95 %)", "verdict")
    for contrast in study.of(TUTORIAL):
        values = sorted(value for value in _by_seed(study, contrast).values() if math.isfinite(value))
        yield (number(contrast.setting.batch_size), _quality(contrast),
               f"{values[0]:.4g} to {values[-1]:.4g}" if values else "–",
               difference(contrast.difference, contrast.low, contrast.high), contrast.verdict.value)


def sentences_of(study, *, tutorial):
    """What was found: with `tutorial` under its protocol, else when compared fairly."""
    return found_in([c for c in study.contrasts if (c.budget == TUTORIAL) is tutorial])


def fair_rows(study):
    """The fair comparison, as rows of strings, the heading first."""
    yield ("equal", "batch size", "rate", "updates", f"val. {study.design.metric}", "difference (95 %)", "verdict")
    for c in study.contrasts:
        if c.budget != TUTORIAL:
            yield (c.budget, number(c.setting.batch_size), number(c.setting.learning_rate), number(c.n_updates),
                   _quality(c), difference(c.difference, c.low, c.high), c.verdict.value)


def why_they_differ(study):
    """Why the tutorial's table and the fair one differ, `(in a few words, in a sentence)` each, with what was measured."""
    as_tutorial, design = study.of(TUTORIAL), study.design
    if not as_tutorial:
        return
    epochs, chosen = counted(as_tutorial[0].n_epochs, "epoch"), [rate for rate in study.rates if rate.budget == design.equal[0]]
    if chosen:
        best = listed(f"{number(rate.value)} at {number(rate.batch_size)}" for rate in chosen)
        one = number(as_tutorial[0].setting.learning_rate)
        yield ("One learning rate for all", f"The tutorial trains every batch size at {one}. With as many trials for each, the "
               f"rate chosen at {BUDGETS[design.equal[0]]} is {best}.")
    if len({c.n_updates for c in as_tutorial}) > 1:
        made = listed(f"{number(c.n_updates)} at {number(c.setting.batch_size)}" for c in as_tutorial)
        yield ("Fewer updates", f"In {epochs} the number of updates is {made}. A larger batch is also a shorter "
               "training.")
    flattery = [c for c in as_tutorial if c.selection_bias is not None]
    if flattery:
        biases = [(c.selection_bias if abs(c.selection_bias) > 1e-9 else 0.0, c.setting.batch_size) for c in flattery]
        by = listed(f"{number(bias)} at {number(size)}" for bias, size in biases)
        yield ("The luckiest epoch", f"The best of {epochs} is judged by the rows that chose it. Against an epoch "
               f"chosen on one half of the rows and judged on the other that flatters by {by}, mean over seeds.")
    widest = max((c for c in as_tutorial if c.quality is not None), key=lambda c: c.quality_high - c.quality_low, default=None)
    if widest is not None:
        values = [v for v in _by_seed(study, widest).values() if math.isfinite(v)]
        yield ("One seed", f"Over {len(values)} seeds the tutorial's line for batch size {number(widest.setting.batch_size)} reads "
               f"anything from {min(values):.4g} to {max(values):.4g}.")


def what_changed(study):
    """What the fair comparison changes, in one sentence; empty where the design has no tutorial, or it found no difference."""
    known = [c for c in study.of(TUTORIAL) if c.difference is not None and c.verdict in (Verdict.BETTER, Verdict.WORSE)]
    if not known:
        return ""
    most = max(known, key=lambda c: abs(c.difference))
    by_verdict = {}
    for c in study.contrasts:
        if c.budget != TUTORIAL and c.setting.batch_size == most.setting.batch_size:
            by = "" if c.difference is None else f" ({c.difference:+.2g})"
            by_verdict.setdefault(c.verdict.value, []).append(f"{BUDGETS[c.budget]}{by}")
    says = " and ".join(f"{verdict} at {listed(where)}" for verdict, where in by_verdict.items())
    mine, theirs = number(most.setting.batch_size), number(study.design.reference)
    return (f"What changes: compared as tutorials do, batch size {mine} is {most.verdict.value} than {theirs} by "
            f"{abs(most.difference):.2g} in {study.design.metric}; with the learning rate tuned for each batch size it is {says}.")


def _by_seed(study, contrast):
    """`{seed: best value of the run}`, infinite where it diverged; the longest of each seed's runs."""
    runs = sorted((c for c in study.curves if c.stage == "confirm" and c.setting == contrast.setting), key=lambda c: c.n_epochs)
    return {c.seed: best_value(c, study.design, study.task.metrics, contrast.n_epochs) for c in runs}


def _quality(contrast):
    return "–" if contrast.quality is None else f"{contrast.quality:.4g}"
