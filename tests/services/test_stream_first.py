"""`epochal.stream` without alarms, which need river: rows are answered before they are learned from."""

import numpy as np

import epochal


def test_rows_are_answered_before_they_are_learned_from_and_a_broken_row_is_left_out(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3))
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{'yes' if a + b > 0 else 'no'}" for a, b, c in x]
    lines[1500] = "1,2"
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    report = epochal.stream(None, path, target="y", drift=False, verbose=0)
    assert report.n_rows == 1999
    (arm,) = report.arms
    assert arm.score > 0.85
    assert "1 row" in " ".join(report.sentences())
