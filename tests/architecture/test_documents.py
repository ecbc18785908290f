"""The documents about the house say what stands: its rooms and floors, and paths that exist."""

import pathlib
import re

import pytest
from architecture import house

PROJECT = pathlib.Path(__file__).parents[2]
DOCUMENTS = ["docs/architecture.md", "CONTRIBUTING.md"]


def test_the_drawing_shows_every_room_on_its_floor_with_its_own_sentence():
    drawn = house.drawing(house.Package.read(PROJECT))
    document = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"```\n{drawn}\n```" in document, "write into docs/architecture.md what `python tests/architecture/house.py` prints"


def test_the_table_of_floors_names_every_room():
    rows = re.findall(r"^\| (\d) \| ([^|]*) \|$", (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)} == house.FLOOR


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_is_named_exists(name):
    document = (PROJECT / name).read_text(encoding="utf-8")
    named = [path for path in re.findall(r"`([\w./-]+)`", document) if "/" in path or path.endswith((".py", ".md"))]
    linked = [(PROJECT / name).parent / path for path in re.findall(r"\]\(([^)#:]+)\)", document)]
    assert len(named) > 5
    assert not [path for path in named if not any(_exists(start, path) for start in (PROJECT, PROJECT / "src" / "epochal"))]
    assert not [path for path in linked if not path.exists()]


def _exists(start, path):
    return (start / path).exists() or (start / f"{path}.py").exists()
