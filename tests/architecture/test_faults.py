"""Deliberate faults, planted in a copy of the package: each is caught by the rule that is there for it, at its place."""

import pathlib
import shutil

import pytest
from architecture import house

PROJECT = pathlib.Path(__file__).parents[2]

FAULTS = {
    "a room without a floor": ("attic/box.py", '"""A box."""\n', house.every_room_has_a_floor),
    "an upward import": ("base/seeds.py", "from ..records import Task\n", house.nothing_imports_upward),
    "an upward import by its full name": ("records/task.py", "import epochal.services.plan\n", house.nothing_imports_upward),
    "an upward import of a room": ("probes/__init__.py", "from .. import services\n", house.nothing_imports_upward),
    "an import hidden in a function": ("rules/__init__.py", "def f():\n    from ..probes import noise\n    return noise\n",
                                       house.nothing_imports_upward),
    "an import hidden from running": ("records/task.py", "if False:\n    from epochal.seam import Rig\n",
                                      house.nothing_imports_upward),
    "rules that import the seam": ("rules/__init__.py", "from ..seam import Rig\n", house.nothing_imports_upward),
    "a seam that imports rules": ("seam/__init__.py", "from ..rules import decide\n", house.nothing_imports_upward),
    "a report that imports the cli": ("report/page.py", '"""A page."""\nfrom ..cli import main\n',
                                      house.nothing_imports_upward),
    "a cli that imports the testing room": ("cli/__init__.py", "from ..testing import RigContract\n", house.nothing_imports_upward),
    "a way in by the front door": ("rules/__init__.py", "from epochal import plan\n", house.nobody_enters_by_the_front_door),
    "the whole house by the front door": ("rules/__init__.py", "import epochal\n", house.nobody_enters_by_the_front_door),
    "a heavy front door": ("__init__.py", "from .records import Plan\n", house.the_front_door_imports_almost_nothing),
    "a front door with a library": ("__init__.py", "import numpy\n", house.the_front_door_imports_almost_nothing),
    "a rule that asks at the door": ("rules/__init__.py", "from ..base.lookup import ask\n",
                                     house.only_records_ask_at_the_door),
    "an import by a string": ("engine/__init__.py", "import importlib\nimportlib.import_module('epochal.cli')\n",
                              house.nothing_is_imported_by_a_string),
    "import_module under another name": ("engine/__init__.py", "from importlib import import_module as bring\n",
                                         house.nothing_is_imported_by_a_string),
    "an import by __import__": ("probes/__init__.py", "keras = __import__('keras')\n",
                                house.nothing_is_imported_by_a_string),
    "an import by exec": ("probes/__init__.py", "exec('import keras')\n", house.nothing_is_imported_by_a_string),
    "a framework outside the seam": ("probes/__init__.py", "import keras\n", house.frameworks_stay_behind_the_seam),
    "a framework hidden in a function": ("records/plan.py", "def f():\n    from jax import numpy\n    return numpy\n",
                                         house.frameworks_stay_behind_the_seam),
    "an import of keras.src": ("seam/rig.py", "from keras.src import backend\n", house.nobody_names_private_keras),
    "src imported from keras": ("seam/rig.py", "from keras import src\n", house.nobody_names_private_keras),
    "keras.src as an attribute": ("seam/rig.py", "import keras as k\nk.src.backend\n", house.nobody_names_private_keras),
    "keras.src in a string": ("seam/rig.py", "HOME = 'keras.src.backend'\n", house.nobody_names_private_keras),
    "pandas on floor 0": ("base/ink.py", "import pandas\n", house.low_floors_use_few_libraries),
    "numpy in a record": ("records/reading.py", "import numpy as np\n", house.low_floors_use_few_libraries),
    "scikit-learn in a rule": ("rules/__init__.py", "from sklearn import svm\n", house.low_floors_use_few_libraries),
    "a library nobody declared": ("engine/__init__.py", "import optax\n", house.every_library_is_declared),
    "a probe that prints": ("probes/__init__.py", "print('measuring')\n", house.only_the_cli_prints),
    "an except Exception": ("engine/__init__.py", "try:\n    pass\nexcept Exception:\n    pass\n",
                            house.nobody_catches_everything),
    "a bare except": ("seam/rig.py", "try:\n    pass\nexcept:\n    raise\n", house.nobody_catches_everything),
    "an except Exception among others": ("cli/__init__.py", '"""The cli."""\ntry:\n    pass\nexcept (OSError, Exception):\n'
                                         "    pass\n", house.nobody_catches_everything),
    "a writer that swallows": ("base/files.py", "try:\n    pass\nexcept BaseException:\n    pass\n",
                              house.nobody_catches_everything),
    "a suppressed Exception": ("engine/__init__.py", "import contextlib\nwith contextlib.suppress(Exception):\n    pass\n",
                               house.nobody_catches_everything),
    "a long module": ("probes/__init__.py", "x = 1\n" * 400, house.modules_stay_small),
    "a module that does not say what it is": ("probes/silent.py", "x = 1\n", house.every_module_says_what_it_is),
    "an empty module": ("probes/empty.py", "", house.every_module_says_what_it_is),
    "a comment before the first sentence": ("probes/late.py", '# hm\n"""Late."""\n', house.every_module_says_what_it_is),
    "a mutable record": ("records/task.py", "@dataclass(slots=True)\nclass Loose:\n    x: int\n",
                         house.every_record_is_frozen),
    "a record without slots": ("records/task.py", "@dataclass(frozen=True)\nclass Loose:\n    x: int\n",
                               house.every_record_is_frozen),
    "a record that is frozen in name only": ("records/task.py", "@dataclass(frozen=True, slots=True)\nclass Loose:\n"
                                             "    x: list[int]\n", house.every_record_is_frozen),
    "a plain class among the records": ("records/task.py", "class Loose:\n    pass\n", house.every_record_is_frozen),
}


@pytest.fixture
def package(tmp_path):
    """A copy of the package, in its project."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return pathlib.Path(shutil.copytree(PROJECT / "src" / "epochal", tmp_path / "src" / "epochal",
                                        ignore=shutil.ignore_patterns("__pycache__")))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_rule_catches(fault, package):
    inside, text, rule = FAULTS[fault]
    before = set(rule(package))
    file = package / inside
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(text)
    new = [breach for breach in rule(package) if breach not in before]
    assert new
    assert all(breach.startswith(inside.partition("/")[0]) for breach in new)


def test_every_rule_has_a_fault_that_it_catches():
    assert {rule for _, _, rule in FAULTS.values()} == set(house.RULES)


@pytest.mark.parametrize(("inside", "text"), [
    ("rules/__init__.py", "from ..records import Task\nfrom ..base.validate import require\nimport numpy, math\n"),
    ("engine/__init__.py", "import jax\nfrom ..seam import Rig\nfrom .. import records\nfrom .. import __version__\n"
     "def judge(model):\n    return model.eval()\n"),
    ("cli/__init__.py", "from ..report import page\nfrom ..services import plan\nprint('hello')\n"),
    ("base/files.py", "try:\n    pass\nexcept BaseException:\n    raise\n"),
], ids=["rules", "engine", "cli", "store"])
def test_what_is_allowed_is_let_through(inside, text, package):
    file = package / inside
    file.parent.mkdir(exist_ok=True)
    before = {rule: len(rule(package)) for rule in house.RULES}
    added = text if file.exists() else f'"""A room."""\n{text}'
    with file.open("a", encoding="utf-8") as out:
        out.write(added)
    assert {rule: len(rule(package)) for rule in house.RULES} == before
