"""The file that outlives a killed run."""

import pytest

from epochal.records import Evidence, Reading
from epochal.services.plan import Journal


@pytest.fixture
def warnings():
    return []


def journal(folder, warnings, fingerprint="f00d"):
    return Journal(folder, fingerprint, warnings.append)


SOME = Evidence().add(Reading(name="memory", value=1.0))
MORE = SOME.add(Reading(name="noise_scale", value=1.0))


def test_a_run_that_did_not_end_leaves_its_latest_evidence_and_one_that_ended_leaves_nothing(tmp_path, warnings):
    first = journal(tmp_path / "new", warnings)
    assert first.left_over() is None
    first.keep(SOME)
    first.keep(MORE)
    assert journal(tmp_path / "new", warnings).left_over() == MORE == first.latest
    first.ended()
    first.ended()
    assert journal(tmp_path / "new", warnings).left_over() is None
    assert warnings == []


def test_each_task_has_a_file_of_its_own(tmp_path, warnings):
    journal(tmp_path, warnings).keep(SOME)
    assert journal(tmp_path, warnings, "beef").left_over() is None


def test_a_damaged_file_is_left_aside_and_said_so(tmp_path, warnings):
    one = journal(tmp_path, warnings)
    one.keep(SOME)
    one.path.write_text(one.path.read_text()[:-9])
    assert one.left_over() is None
    assert len(warnings) == 1
    assert str(one.path) in warnings[0]


def test_a_folder_that_cannot_be_written_is_said_once_and_measuring_goes_on(tmp_path, warnings):
    (tmp_path / "file").write_text("")
    one = journal(tmp_path / "file", warnings)
    one.keep(SOME)
    one.keep(MORE)
    assert one.latest == MORE
    assert len(warnings) == 1
    assert "Could not write" in warnings[0]
