"""What a study is kept in: nothing that was committed is lost, and nothing that differs is mixed."""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager

import pytest
from experiments import studies
from experiments.studies import DESIGN, MACHINE, READING, TASK, begun, block_of, curve, other
from tiers import first_tier

from epochal import UsageError
from epochal.experiments import StudyFolder, read_folder
from epochal.experiments.folder import folder

FILE = "study.sqlite"


def test_what_was_committed_is_read_back_from_the_folder_and_without_it(tmp_path):
    curves, more = (curve(1), curve(2)), (curve(3),)
    with begun(tmp_path / "deep" / "study") as study:
        assert study.block("b") is None
        study.commit("b", curves, seconds=2.0, provenance={"keras": "3.15", "größe": [1, None]})
        study.commit("a", more, seconds=1, provenance={})
        study.commit("none", (), seconds=0, provenance={})
        study.keep("pace", READING)
    with begun(tmp_path / "deep" / "study") as study:
        assert (study.block("b"), study.block("a"), study.block("none")) == (curves, more, ())
        assert study.blocks() == ("b", "a", "none")
        assert (study.reading("pace"), study.reading("other")) == (READING, None)
        assert study.provenance("b") == {"keras": "3.15", "größe": [1, None]}
        assert study.provenance("c") is None
        study.keep("pace", other(READING, value=9.0))
    assert read_folder(tmp_path / "deep" / "study") == (
        DESIGN, TASK, MACHINE, (other(READING, value=9.0),), {"b": curves, "a": more, "none": ()})
    assert list(read_folder(tmp_path / "deep" / "study")[-1]) == ["b", "a", "none"]


def test_a_block_is_committed_once(tmp_path):
    with begun(tmp_path) as study:
        study.commit("a", (curve(1),), seconds=1.0, provenance={})
        with pytest.raises(UsageError, match="not committed before; got 'a'"):
            study.commit("a", (curve(2),), seconds=1.0, provenance={})
        assert study.block("a") == (curve(1),)
        study.commit("b", (curve(2),), seconds=1.0, provenance={})


def test_what_cannot_be_written_leaves_no_part_of_its_block(tmp_path):
    with begun(tmp_path) as study:
        for seconds, provenance in ((1.0, {"x": object()}), ("soon", {})):
            with pytest.raises((TypeError, ValueError)):
                study.commit("a", (curve(1),), seconds=seconds, provenance=provenance)
        assert study.blocks() == ()
        study.commit("a", (curve(1),), seconds=1.0, provenance={})


def test_another_study_is_refused_by_name_and_leaves_the_folder_as_it_was(tmp_path):
    with begun(tmp_path) as study:
        study.commit("a", (curve(1),), seconds=1.0, provenance={})
    with StudyFolder(tmp_path) as study:
        study.begin(DESIGN, TASK, MACHINE)
        with pytest.raises(UsageError) as refused:
            study.begin(other(DESIGN, n_seeds=5), TASK, MACHINE)
        assert str(refused.value) == "`seeds` was 8 in this folder; got 5. Use another folder, or the same arguments."
        with pytest.raises(UsageError, match=r"`reference` was 16.*`margin` was 'the default' in this folder; got 0\.1"):
            study.begin(other(DESIGN, reference=64, margin=0.1), TASK, MACHINE)
        with pytest.raises(UsageError, match="model or the data .*What differs: model or data. It holds digits.*got digits"):
            study.begin(DESIGN, other(TASK, fingerprint="beef"), MACHINE)
        for name in ("backend", "device"):
            with pytest.raises(UsageError, match=f"`{name}` was '{getattr(MACHINE, name)}' in this folder; got 'torch'"):
                study.begin(DESIGN, TASK, other(MACHINE, **{name: "torch"}))
    assert read_folder(tmp_path) == (DESIGN, TASK, MACHINE, (), {"a": (curve(1),)})


def test_a_folder_in_which_nothing_was_trained_yet_takes_another_study(tmp_path):
    with begun(tmp_path) as study:
        study.keep("pace", READING)
    with StudyFolder(tmp_path) as study:
        study.begin(DESIGN, TASK, MACHINE)
        assert study.reading("pace") == READING
        study.begin(other(DESIGN, margin=0.1), TASK, MACHINE)
        assert study.reading("pace") is None                        # it may have been another model's
    assert read_folder(tmp_path) == (other(DESIGN, margin=0.1), TASK, MACHINE, (), {})


def test_other_versions_of_packages_and_another_name_for_the_data_are_no_other_study(tmp_path):
    with begun(tmp_path) as study:
        study.commit("a", (curve(1),), seconds=1.0, provenance={})
    with StudyFolder(tmp_path) as study:
        study.begin(DESIGN, other(TASK, name="numbers"), other(MACHINE, versions=(("keras", "4"),), n_cores=64, memory_bytes=1))
    assert read_folder(tmp_path)[:3] == (DESIGN, TASK, MACHINE)


@pytest.mark.parametrize("chance", first_tier(1, range(4)))
def test_a_kill_at_any_moment_loses_nothing_that_was_committed(tmp_path, chance):
    dice = random.Random(chance)
    promised = _killed_while_committing(tmp_path, after=dice.randrange(1, 40), wait=dice.uniform(0, 0.02))
    with _read_only(shutil.copytree(tmp_path, tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))) as copy:
        found = read_folder(copy)[-1]  # although SQLite may not even make its index there
    assert read_folder(tmp_path)[-1] == found
    with begun(tmp_path) as study:
        assert study.blocks() == tuple(found)
        assert len(found) in (promised, promised + 1)  # the one under way is in it as a whole, or not at all
        for number, name in enumerate(found):
            assert name == f"block {number}"
            assert study.block(name) == found[name] == block_of(number)
        study.commit("next", (curve(1),), seconds=1.0, provenance={})
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".sqlite") == [FILE]


@pytest.mark.parametrize("chance", first_tier(1, range(3)))
def test_a_kill_while_the_folder_is_made_leaves_one_that_opens(tmp_path, chance):
    with _committing(tmp_path / "study") as process:
        while not (tmp_path / "study" / "study.holder").exists():
            assert process.poll() is None
        time.sleep(random.Random(chance).uniform(0, 0.02))
        process.kill()
    with begun(tmp_path / "study") as study:
        for number, name in enumerate(study.blocks()):
            assert study.block(name) == block_of(number)
    assert read_folder(tmp_path / "study")[0] == DESIGN


def test_what_is_read_is_of_one_moment(tmp_path, monkeypatch):
    about = folder._about
    with begun(tmp_path) as study:
        study.commit("a", (), seconds=0.0, provenance={})

        def late(*arguments):
            found = about(*arguments)
            study.commit("b", (), seconds=0.0, provenance={})
            return found

        monkeypatch.setattr(folder, "_about", late)
        assert list(read_folder(tmp_path)[-1]) == ["a"]
        monkeypatch.undo()
        assert list(read_folder(tmp_path)[-1]) == ["a", "b"]


def test_a_second_process_is_refused_with_a_name_and_reads_nevertheless(tmp_path):
    with _committing(tmp_path) as process:
        process.stdout.readline()
        with pytest.raises(UsageError, match=rf"in use by process {process.pid}, since 2\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d"):
            StudyFolder(tmp_path)
        sizes = []
        for _ in range(5):
            curves = read_folder(tmp_path)[-1]
            assert curves == {f"block {number}": block_of(number) for number in range(len(curves))}
            sizes.append(len(curves))
            process.stdout.readline()
        assert sizes == sorted(sizes)
        assert sizes[0] > 0


def test_a_second_process_may_wait_and_says_so_once(tmp_path):
    said = []
    with _committing(tmp_path) as process:
        process.stdout.readline()

        def say(sentence):
            said.append(sentence)
            process.kill()

        with StudyFolder(tmp_path, wait=True, say=say) as study:
            assert "block 0" in study.blocks()
            with pytest.raises(UsageError, match="open in this process already"):
                StudyFolder(tmp_path)
    assert len(said) == 1
    assert f"in use by process {process.pid}" in said[0]


def test_the_same_process_is_refused_too_and_never_waits_for_itself(tmp_path):
    with begun(tmp_path) as study:
        for wait in (False, True):
            with pytest.raises(UsageError, match="open in this process already, since"):
                StudyFolder(tmp_path, wait=wait)
        study.commit("a", (), seconds=0.0, provenance={})
    study.close()
    begun(tmp_path).close()


def test_what_a_dead_holder_left_is_no_lock(tmp_path):
    (tmp_path / "study.holder").write_text("{")
    begun(tmp_path).close()
    assert not (tmp_path / "study.holder").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused_by_writer_and_reader(tmp_path, share):
    _filled(tmp_path)
    os.truncate(tmp_path / FILE, int((tmp_path / FILE).stat().st_size * share))
    _refused_by_both(tmp_path, "damaged, or was not written by Epochal.*backup")


def test_a_file_with_a_damaged_page_is_refused_by_writer_and_reader(tmp_path):
    _filled(tmp_path)
    with open(tmp_path / FILE, "r+b") as file:
        file.seek(-3 * 4096, os.SEEK_END)
        file.write(bytes(4096))
    _refused_by_both(tmp_path, "damaged, or was not written by Epochal.*backup")


@pytest.mark.parametrize("content", [b"hello" * 1000, bytes(5000)])
def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    _refused_by_both(tmp_path, "damaged, or was not written by Epochal.*backup")
    assert (tmp_path / FILE).read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("CREATE TABLE theirs (x)")
    before = (tmp_path / FILE).read_bytes()
    _refused_by_both(tmp_path, "no other program's study.sqlite")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_file_of_a_newer_format_is_refused_and_left_as_it_is(tmp_path):
    _filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("PRAGMA user_version = 2")
    before = (tmp_path / FILE).read_bytes()
    _refused_by_both(tmp_path, "format 1 or older; .* is of format 2. Upgrade")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_refused_folder_is_not_left_locked(tmp_path):
    (tmp_path / FILE).write_bytes(b"hello" * 1000)
    with pytest.raises(UsageError, match="damaged"):
        StudyFolder(tmp_path)
    (tmp_path / FILE).unlink()
    begun(tmp_path).close()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "study"):
        with pytest.raises(UsageError, match="must be a folder; .*file' is a file"):
            StudyFolder(path)


def test_a_folder_without_a_study_is_said_to_have_none(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="the folder of a study"):
            read_folder(place)
    assert not (tmp_path / "nowhere").exists()
    StudyFolder(tmp_path).close()
    with pytest.raises(UsageError, match="in which a study was begun"):
        read_folder(tmp_path)


def test_a_read_only_folder_is_read_and_refused_to_a_writer(tmp_path):
    _filled(tmp_path)
    with _read_only(tmp_path) as closed:
        assert list(read_folder(closed)[-1]) == ["a", "b"]
        with pytest.raises(UsageError, match="one that may be read and written.*Permission denied.*folder of your own"):
            StudyFolder(closed)
        with pytest.raises(UsageError, match="one that may be read and written.*Permission denied"):
            StudyFolder(closed / "new")
        assert sorted(path.name for path in closed.iterdir()) == ["study.lock", FILE]


def test_a_full_disk_is_said_and_what_was_committed_stays(tmp_path):
    with begun(tmp_path) as study:
        study.commit("a", block_of(1), seconds=1.0, provenance={})
        pages = study._connection.execute("PRAGMA page_count").fetchone()[0]
        study._connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite then meets the end of the disk there
        for _ in range(2):
            with pytest.raises(UsageError, match="disk with room; .* is full. Free some.*what was committed is kept"):
                study.commit("b", block_of(2), seconds=1.0, provenance={})
        assert study.blocks() == ("a",)
        assert study.block("a") == block_of(1)
        assert read_folder(tmp_path)[-1] == {"a": block_of(1)}
        study._connection.execute("PRAGMA max_page_count = 1000000")
        study.commit("b", block_of(2), seconds=1.0, provenance={})
    assert read_folder(tmp_path)[-1] == {"a": block_of(1), "b": block_of(2)}


def test_a_file_that_another_program_is_writing_is_said_to_be_in_use(tmp_path):
    with begun(tmp_path) as study, closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as editor:
        study._connection.execute("PRAGMA busy_timeout = 1")
        editor.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsageError, match="another program has .*study.sqlite.* open to write"):
            study.commit("a", (), seconds=0.0, provenance={})
        editor.execute("ROLLBACK")
        study.commit("a", (), seconds=0.0, provenance={})


def test_a_commit_is_handed_to_the_disk_before_it_returns(tmp_path):
    with begun(tmp_path) as study:
        assert study._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert study._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def _filled(folder):
    with begun(folder) as study:
        study.commit("a", block_of(1), seconds=1.0, provenance={})
        study.commit("b", block_of(2), seconds=1.0, provenance={})


def _refused_by_both(folder, sentence):
    for enter in (StudyFolder, read_folder):
        with pytest.raises(UsageError, match=sentence):
            enter(folder)


@contextmanager
def _committing(folder):
    """A process of its own that commits block after block, and prints the number of each when its commit returned."""
    process = subprocess.Popen([sys.executable, studies.__file__, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()  # SIGKILL: no handler, no clean-up
        process.communicate()


def _killed_while_committing(folder, *, after, wait):
    """How many commits had returned when the process was killed."""
    with _committing(folder) as process:
        promised = sum(1 for _ in zip(range(after), process.stdout, strict=False))
        time.sleep(wait)
        process.kill()
        return promised + len(process.stdout.readlines())


@contextmanager
def _read_only(folder):
    """A copy of the folder in which this process may not write: for the time, root is nobody, whom permissions bind."""
    root, nobody = hasattr(os, "geteuid") and os.geteuid() == 0, 65534
    home = pathlib.Path(tempfile.mkdtemp())  # `tmp_path` is closed to nobody
    copy = pathlib.Path(shutil.copytree(folder, home / "study"))
    for path in (home, copy):
        path.chmod(0o555)
    try:
        if root:
            os.seteuid(nobody)
        yield copy
    finally:
        if root:
            os.seteuid(0)
        for path in (home, copy):
            path.chmod(0o755)
        shutil.rmtree(home)
