"""All rules in their order, from a `History` to a `Diagnosis`."""

from typing import Any

from ...records import Diagnosis, Finding, History, Unchecked
from ...records.trainings.history import worst_first
from . import artefacts, ending, fitting, rate, start, validation
from .seen import seen

# What is looked for, by the name of its findings.
RULES: dict[str, Any] = {
    "divergence": ending.divergence, "rate too high": rate.too_high, "rate too low": rate.too_low,
    "too few updates": rate.few_updates, "overfitting": fitting.overfitting, "underfitting": fitting.underfitting,
    "stopped too early": ending.too_early, "stopped too late": ending.too_late, "noisy validation": validation.noisy,
    "rows held out": validation.other_rows, "leakage": validation.leakage, "reused model": start.trained_before,
    "batch-norm lag": artefacts.batch_norm, "class weights": artefacts.class_weights, "rare class": start.rare_class,
    "lag of the training loss": artefacts.lag, "dropout's inverted gap": artefacts.inverted,
}
# What one finding explains: another one of the same training is then no news.
_EXPLAINS = {"divergence": set(RULES) - {"divergence", "reused model", "rows held out"},
             "rate too low": {"stopped too early", "underfitting"}, "too few updates": {"stopped too early", "rate too low"},
             "rows held out": {"overfitting", "stopped too late", "noisy validation", "leakage", "rate too high", "noise"},
             "batch-norm lag": {"overfitting", "noisy validation", "rows held out", "stopped too late"},
             "rate too high": {"noisy validation", "stopped too early", "stopped too late", "noise"},
             "reused model": {"rate too low", "too few updates"}}
_NEVER = (Unchecked("labels", "one curve cannot show whether the labels belong to the rows: train once with shuffled labels, and "
                    "pass that run as baseline=."),
          Unchecked("chance", "one training is one draw of weights and row order: what another seed gives, `epochal study` shows."))


def diagnosed(history: History, baseline: History | None = None, tested: tuple[Finding | Unchecked, ...] = ()) -> Diagnosis:
    """What the curves show, and, of the same kinds, what was tested with model and data: a test goes before a reading.

    Args:
        baseline: an earlier training to compare with. tested: findings of tests, and what could not be tested.
    """
    curves, answers = seen(history), []
    settled = {one.kind for one in tested if isinstance(one, Finding)}
    for kind, rule in RULES.items():
        answers.append((kind, rule(curves)))
    if baseline is not None:
        earlier = seen(baseline)
        answers = [(kind, one) for kind, one in answers if not (kind == "reused model" and isinstance(one, Unchecked))]
        if not any(kind == "reused model" and one is not None for kind, one in answers):
            answers.append(("reused model", start.continued(curves, earlier)))
        answers.append(("the baseline", start.against(curves, earlier)))
    findings = [one for kind, one in answers if isinstance(one, Finding) and kind not in settled]
    findings += [one for one in tested if isinstance(one, Finding)]
    explained = {kind for one in findings if one.severity != "note" for kind in _EXPLAINS.get(one.kind, ())}
    findings = [one for one in findings if one.kind not in explained]
    never = _NEVER if baseline is None else _NEVER[1:]
    unchecked = [one for kind, one in answers if isinstance(one, Unchecked) and kind not in settled and kind not in explained]
    unchecked += [one for one in tested if isinstance(one, Unchecked)]
    looked_for = (*RULES, *(("the baseline",) if baseline is not None else ()),
                  *dict.fromkeys(one.kind for one in tested if isinstance(one, Finding) and one.kind not in RULES))
    return Diagnosis(history=history, findings=worst_first(findings), looked_for=looked_for,
                     unchecked=(*unchecked, *never), baseline=baseline)
