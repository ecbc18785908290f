"""What was measured, as a table and in sentences."""

import math

from epochal.records import Evidence, Outcome, Reading
from epochal.report.measure import reading_rows, what_they_mean

READINGS = (
    Reading(name="pace", value=1.0, unit="s", low=1.0, high=1.0, repeats=1),
    Reading(name="noise_scale", title="gradient noise scale", value=40.0, unit="examples", low=30.0, high=50.0, repeats=32,
            cost=0.4, means="Larger batches save updates.", does_not_mean="It is not the batch size to use."),
    Reading(name="range_test", title="learning-rate range test", value=0.03, low=0.01, high=0.09, repeats=3, cost=2.0),
    Reading(name="memory", title="largest batch that fits", value=64.0, unit="examples", low=64.0, high=math.inf, repeats=1,
            outcome=Outcome.LOWER_BOUND, note="larger batches than 64 were not looked at"),
    Reading(name="batch_norm_lag", title="lag of batch-norm", outcome=Outcome.UNSUPPORTED,
            note="the model has no batch-norm layer"),
    Reading(name="switches", title="`fit` with `steps_per_execution`", outcome=Outcome.SKIPPED),
)


def test_every_reading_has_a_row_and_what_serves_others_has_none():
    heading, *rows, total = reading_rows(Evidence(readings=READINGS))
    assert heading == ("measured", "value", "95 %", "repeats", "took")
    assert rows == [("gradient noise scale", "40 examples", "30 to 50 examples", "32", "under 1 s"),
                    ("learning-rate range test", "0.01 to 0.09", "", "3", "2 s"),
                    ("largest batch that fits", "at least 64 examples", "", "1", ""),
                    ("lag of batch-norm", "–", "", "", ""), ("`fit` with `steps_per_execution`", "–", "", "", "")]
    assert total == ("all of it", "", "", "", "2 s")


def test_what_it_means_and_what_not_or_why_it_is_not_known():
    found = dict(what_they_mean(Evidence(readings=READINGS)))
    assert found["Gradient noise scale"] == ["Larger batches save updates.", "It is not the batch size to use."]
    assert found["Largest batch that fits"] == ["Larger batches than 64 were not looked at."]
    assert found["Lag of batch-norm"] == ["Not known: the model has no batch-norm layer."]
    assert found["`fit` with `steps_per_execution`"] == ["Not known: not measured, to stay inside the budget; allow more time."]


def test_of_two_readings_of_a_name_the_last_counts():
    again = (*READINGS, Reading(name="switches", title="`fit` with `steps_per_execution`", value=2.0, low=1.5, high=2.5, repeats=5))
    rows = list(reading_rows(Evidence(readings=again)))
    assert [row for row in rows if row[0].startswith("`fit`")] == [("`fit` with `steps_per_execution`", "2", "1.5 to 2.5", "5", "")]
