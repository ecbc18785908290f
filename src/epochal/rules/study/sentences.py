"""The verdicts of a study in words."""

from ...base.pairs import ALPHA
from ...base.text import counted, difference, number
from ...records import Verdict

BUDGET = {"epochs": "at equal epochs", "steps": "at equal steps", "time": "at equal time",
          "tutorial": "at one learning rate and equal epochs, as tutorials compare them"}


def sentence(contrast, design, margin, *, n_compared, n_diverged, tuned, reference_diverged, doubtful):
    """What one contrast says, in one sentence; empty for the reference.

    Args:
        contrast: a `Contrast`, its sentence still empty. design: a `Design`. margin: the difference that counts as none.
        n_compared: arms that could be compared with the reference under this budget. n_diverged: runs of this arm that diverged.
        tuned: whether any rate of this arm did not diverge in the trials.
        reference_diverged: whether there is nothing to compare with.
        doubtful: batch sizes whose rate, here or at the reference, is not known to be tuned.
    """
    mine, theirs, where = f"{contrast.setting.batch_size:,}", f"{design.reference:,}", BUDGET[contrast.budget]
    among = f", adjusted for {n_compared} comparisons" if n_compared > 1 else ""
    match contrast.verdict:
        case Verdict.REFERENCE:
            return ""
        case Verdict.NO_MEMORY:
            return f"Batch size {mine} was not trained: it does not fit into memory."
        case Verdict.DIVERGED:
            return f"Batch size {mine} diverged {where}, {_how(contrast, n_diverged, tuned)}."
        case Verdict.EQUIVALENT:
            beyond = "larger than chance explains, but " if contrast.p_value <= ALPHA else ""
            inside = -margin <= contrast.low and contrast.high <= margin
            says = (f"Batch size {mine} is equivalent to {theirs} {where}: {_difference(contrast, design)}, {beyond}within the "
                    f"margin of {number(margin)} set beforehand")
            says += "" if inside else f" (one-sided tests, {_p(contrast.p_equivalent)})"
        case Verdict.BETTER | Verdict.WORSE:
            little = contrast.low < margin and contrast.high > -margin  # the interval reaches into the margin
            says = (f"Batch size {mine} is {contrast.verdict.value} than {theirs} {where}: {_difference(contrast, design)} over "
                    f"{counted(contrast.n_seeds, 'seed')}, {_p(contrast.p_value)}{among}"
                    + (f", though maybe by too little to matter (less than {number(margin)})" if little else ""))
        case _:
            if contrast.difference is None:
                why = f"{theirs} diverged" if reference_diverged else f"only {counted(contrast.n_seeds, 'pair')} of trainings"
                return f"Batch size {mine} cannot be compared with {theirs} {where}: {why}."
            # The interval is not adjusted for the other comparisons, and alone would seem to decide.
            alone = f"{_p(contrast.p_value)}{among}, " if contrast.low > 0 or contrast.high < 0 else ""
            enough = ("more than 1,000 seeds would be needed to decide" if contrast.n_enough is None
                      else f"about {contrast.n_enough:,} seeds would decide")
            says = (f"Batch size {mine} shows no clear difference from {theirs} {where}: "
                    f"{_difference(contrast, design)} over {counted(contrast.n_seeds, 'seed')}, "
                    f"{alone}{number(margin)} would matter; if the observed difference holds, {enough}")
    sizes = " and ".join(f"{size:,}" for size in sorted(doubtful))
    return says + (f"; a better learning rate for {sizes} may lie outside the rates tried." if sizes else ".")


def _difference(contrast, design):
    return f"{difference(contrast.difference, contrast.low, contrast.high)} in {design.metric}"


def _how(contrast, n_diverged, tuned):
    if not tuned:
        return f"at every learning rate tried, down to {number(contrast.setting.learning_rate)}"
    return f"in {counted(n_diverged, 'training')} with fresh seeds, at learning rate {number(contrast.setting.learning_rate)}"


def _p(p_value):
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
