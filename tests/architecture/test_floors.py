"""The house stands as drawn in docs/architecture.md: its floors, its doors, and what opening it costs."""

import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import sysconfig

import pytest
from architecture import house

import epochal

ROOT = pathlib.Path(__file__).parents[2] / "src" / "epochal"
PACKAGE = house.Package.read(ROOT.parents[1])


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rule(rule):
    breaches = rule(PACKAGE)
    assert not breaches, "\n" + "\n".join(breaches)


def test_the_rules_read_the_whole_package():
    assert {"", "base", "records", "seam"} <= {module.room for module in PACKAGE.modules}
    assert sum(len(module.imports) for module in PACKAGE.modules) > len(PACKAGE.modules)


def test_every_record_refuses_to_change():
    from epochal import records

    nouns = [noun for noun in vars(records).values() if dataclasses.is_dataclass(noun)]
    assert nouns
    for noun in nouns:
        record = object.__new__(noun)
        assert not hasattr(record, "__dict__")
        for field in dataclasses.fields(noun):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(record, field.name, 0)


def test_importing_the_package_imports_no_framework_and_takes_under_50_ms():
    code = ("import sys, time; start = time.process_time(); import epochal; seconds = time.process_time() - start; "
            "import json; print(json.dumps([seconds, sorted({name.partition('.')[0] for name in sys.modules})]))")
    runs = [json.loads(_output(sys.executable, "-c", code)) for _ in range(8)]  # of processor time, which others take no part of
    loaded = set(runs[0][1])
    assert "epochal" in loaded
    assert not loaded & {*house.FRAMEWORKS, "numpy", "scipy", "pandas", "rich", "cattrs", "click"}
    assert min(seconds for seconds, _ in runs) < 0.050


def test_epochal_help_takes_under_300_ms():
    command = pathlib.Path(sysconfig.get_path("scripts"), "epochal")
    assert command.is_file(), f"{command} is missing: install the package"
    seconds = []
    for _ in range(8):
        start = _of_children()
        text = _output(command, "--help")
        seconds.append(_of_children() - start)
    assert "plan" in text
    assert min(seconds) < 0.300


def test_public_names_are_exactly_those_declared():
    assert dir(epochal) == sorted(epochal.__all__) == sorted(epochal._HOME)
    with pytest.raises(AttributeError, match="it has .*plan"):
        _ = epochal.no_such_name


@pytest.mark.parametrize("name", sorted(epochal._HOME))
def test_every_public_name_opens_and_is_documented(name):
    assert getattr(epochal, name).__doc__


def test_no_public_name_is_the_name_of_a_room():
    """Importing a room would put the room in the name's place."""
    assert not set(epochal._HOME) & set(house.FLOOR)


@pytest.mark.parametrize("name", sorted(epochal._METHODS))
def test_every_door_opens(name):
    from epochal.base.lookup import ask

    assert callable(ask(name))


def test_a_door_that_leads_nowhere_does_not_open():
    from epochal.base.lookup import ask

    with pytest.raises(KeyError):
        ask("no_such_door")


def _of_children():
    """Seconds of processor time that the processes started here have taken: other work on the machine does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _output(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
