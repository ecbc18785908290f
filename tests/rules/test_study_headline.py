"""The one sentence that a study begins with, and the sentences of comparisons that stay open."""

from dataclasses import replace

import pytest
from report.made_studies import made

from epochal.records import Verdict
from epochal.records.study import found_in


def study_of(*verdicts):
    """A study of batch sizes beside the reference, with these verdicts at equal epochs."""
    study = made()
    reference = next(c for c in study.contrasts if c.verdict is Verdict.REFERENCE)
    others = [replace(reference, setting=replace(reference.setting, batch_size=1000 + i), verdict=verdict, difference=0.1, low=-0.1,
                      high=0.3, n_enough=20 * (i + 1), sentence=f"Batch size {1000 + i}: {verdict.value}.")
              for i, verdict in enumerate(verdicts)]
    return replace(study, contrasts=(replace(reference, sentence=""), *others)), f"{study.design.reference:,}"


@pytest.mark.parametrize(("verdicts", "said"), [
    ((), "Nothing was compared."),
    ((Verdict.WORSE, Verdict.WORSE),
     "Batch size 1,000 is worse than {0} at equal {1}; batch size 1,001 is worse than {0} at equal {1}."),
    ((Verdict.BETTER, Verdict.UNDECIDED),
     "Batch size 1,000 is better than {0} at equal {1}; no other was shown to be better or worse by more than the margin."),
    ((Verdict.EQUIVALENT, Verdict.UNDECIDED, Verdict.UNDECIDED),
     "No batch size was shown to be better or worse than {0}: of 3 comparisons 1 equivalent and 2 undecided."),
    ((Verdict.DIVERGED,), "No batch size was shown to be better or worse than {0}.")])
def test_it_says_what_was_shown_and_nothing_else(verdicts, said):
    study, reference = study_of(*verdicts)
    assert study.headline == said.format(reference, study.contrasts[0].budget)


def test_many_open_comparisons_are_told_in_one_sentence_and_few_each_in_its_own():
    few, _ = study_of(Verdict.UNDECIDED, Verdict.WORSE, Verdict.UNDECIDED)
    assert few.sentences() == ("Batch size 1000: undecided.", "Batch size 1001: worse.", "Batch size 1002: undecided.")
    many, _ = study_of(Verdict.UNDECIDED, Verdict.WORSE, Verdict.UNDECIDED, Verdict.UNDECIDED)
    shown, together = many.sentences()
    assert shown == "Batch size 1001: worse."
    budget = many.contrasts[0].budget
    assert together == (f"No clear difference for batch sizes 1,000, 1,002 and 1,003 at equal {budget}. Were the differences as "
                        "they look now, about 20 to 80 seeds would decide.")
    none = [replace(c, n_enough=None) for c in many.contrasts]
    assert found_in(none)[-1].endswith("more than 1,000 seeds would decide.")


def test_accuracy_stands_beside_the_loss_and_the_loss_beside_another_metric():
    study = made()
    assert study.task.metrics == ("accuracy",)
    runs = [replace(curve, metrics=(tuple(0.5 + 0.01 * epoch for epoch in range(curve.n_epochs)),)) for curve in study.curves]
    told = replace(study, curves=tuple(runs))
    heading, *table = told.rows()
    place = heading.index("accuracy")
    assert heading[place - 1] == study.design.metric == "loss"
    contrast = next(c for c in told.contrasts if c.quality is not None)
    mine = [curve for curve in runs if (curve.stage, curve.setting) == ("confirm", contrast.setting)
            and curve.n_epochs >= contrast.n_epochs]
    bests = [min(range(contrast.n_epochs), key=curve.validation_loss.__getitem__) for curve in mine]
    assert float(table[told.contrasts.index(contrast)][place]) == pytest.approx(0.5 + 0.01 * sum(bests) / len(bests), rel=1e-3)
    by_accuracy = replace(told, design=replace(told.design, metric="accuracy", larger_is_better=True))
    assert next(iter(by_accuracy.rows()))[4:6] == ("accuracy", "loss")
