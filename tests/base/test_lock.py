"""One process at a time: what another one holds is refused in a sentence, what a dead one left is no lock."""

import subprocess
import sys

import filelock
import pytest

from epochal.base.errors import UsageError
from epochal.base.system.lock import locked, writing

HOLDS = """
import pathlib, sys
from epochal.base.system.lock import writing
with writing(pathlib.Path(sys.argv[1]), "checkpoint"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds `tmp_path / "here" / "file"`."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path / "here" / "file"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_what_another_process_writes_to_is_refused_and_free_again_when_that_is_killed(tmp_path, other):
    with pytest.raises(UsageError, match=rf"`--out` must not be in use; .*file' is in use by process {other.pid}, since"), \
            writing(tmp_path / "here" / "file"):
        pass
    other.kill()
    other.wait()
    with writing(tmp_path / "here" / "file"):
        pass
    assert list((tmp_path / "here").iterdir()) == []


def test_one_that_ends_leaves_nothing_and_its_neighbours_alone(tmp_path):
    with writing(tmp_path / "one"), writing(tmp_path / "two"):
        assert len(list(tmp_path.iterdir())) == 4
    assert list(tmp_path.iterdir()) == []


def test_the_same_process_is_refused_too(tmp_path):
    with writing(tmp_path / "file"), pytest.raises(UsageError, match="open in this process already"), writing(tmp_path / "file"):
        pass


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="`checkpoint` must be a folder that may be written"), \
            writing(tmp_path / "file" / "deeper", "checkpoint"):
        pass


@pytest.mark.parametrize("holder", ["{", "[]", "{}", '{"process": 1, "machine": "x"}',
                                    '{"process": [], "machine": {}, "since": 3}'])
def test_a_damaged_note_of_who_holds_it_does_no_harm(tmp_path, holder):
    with writing(tmp_path / "file"):
        (tmp_path / ".file.holder").write_text(holder)
        with pytest.raises(UsageError, match="must not be in use"), writing(tmp_path / "file"):
            pass


@pytest.mark.parametrize("error", [NotImplementedError("flock"), OSError(38, "Function not implemented")])
def test_where_a_disk_knows_no_locks_that_is_said_and_the_work_goes_on(monkeypatch, tmp_path, error):
    def acquire(self, **_):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    said, ran = [], []
    with locked(tmp_path / "file", say=said.append):
        ran.append(True)
    assert ran
    assert "knows no locks" in said[0]
