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
     "Batch size 1,000 is better than {0} at equal {1}; beyond the margin no other difference was shown."),
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
