"""Deliberate faults, planted in the text of the package: each is caught by the rule that is there for it, at its place."""

import pathlib

import pytest
from architecture import house

PACKAGE = house.Package.read(pathlib.Path(__file__).parents[2])

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
    "a cli that imports the Python face": ("cli/__init__.py", "from ..api import plan\n", house.nothing_imports_upward),
    "two modules that import each other": ("base/seeds.py", "from .stats import holm\n", "base/stats.py", "from . import seeds\n",
                                           house.no_modules_import_in_a_circle),
    "a circle by way of a room": ("rules/margin.py", "from . import patience\n", "rules/__init__.py", "from .margin import x\n",
                                  "rules/patience.py", "from . import y\n", house.no_modules_import_in_a_circle),
    "a circle inside functions": ("probes/one.py", '"""One."""\ndef f():\n    from . import two\n    return two\n',
                                  "probes/two.py", '"""Two."""\ndef f():\n    from . import one\n    return one\n',
                                  house.no_modules_import_in_a_circle),
    "a way in by the front door": ("rules/__init__.py", "from epochal import plan\n", house.nobody_enters_by_the_front_door),
    "the whole house by the front door": ("rules/__init__.py", "import epochal\n", house.nobody_enters_by_the_front_door),
    "a heavy front door": ("__init__.py", "from .records import Plan\n", house.the_front_door_imports_almost_nothing),
    "a front door that only says it is for type checkers": ("__init__.py", "if IS_CHECKING:\n    from .api import plan\n",
                                                            house.the_front_door_imports_almost_nothing),
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
    "a framework in a face": ("api/plan.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import keras\n",
                              house.frameworks_stay_behind_the_seam),
    "a framework for the types of a probe": ("probes/__init__.py", "if TYPE_CHECKING:\n    import keras\n",
                                             house.frameworks_stay_behind_the_seam),
    "a framework hidden in a function": ("records/plan.py", "def f():\n    from jax import numpy\n    return numpy\n",
                                         house.frameworks_stay_behind_the_seam),
    "a probe that asks for the back end": ("probes/__init__.py", "def f(rig):\n    return rig.backend == 'jax'\n",
                                           house.back_ends_are_told_apart_in_the_seam_alone),
    "a probe that asks for one of several": ("probes/__init__.py", "def f(name):\n    return name not in ('torch',)\n",
                                             house.back_ends_are_told_apart_in_the_seam_alone),
    "a match of the back end": ("training/__init__.py", "def f(name):\n    match name:\n        case 'tensorflow':\n"
                                "            return 1\n", house.back_ends_are_told_apart_in_the_seam_alone),
    "a second table of back ends": ("engine/__init__.py", "NAMES = {'jax': 'JAX', 'torch': 'PyTorch'}\n",
                                    house.back_ends_are_told_apart_in_the_seam_alone),
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
    "a folder of many files": (*(part for i in range(16) for part in (f"probes/more{i}.py", '"""More."""\n')),
                               house.folders_stay_small),
    "a function of nine parameters": ("rules/__init__.py", "def f(a, b, c, d, /, e, f, *, g, h, i):\n    return a\n",
                                      house.no_function_takes_many_parameters),
    "a method of nine parameters": ("probes/__init__.py", "class Probe:\n    def f(self, a, b, c, d, e, f, g, h, i):\n"
                                    "        return a\n", house.no_function_takes_many_parameters),
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


@pytest.mark.parametrize("fault", FAULTS)
def test_the_rule_catches(fault):
    *planted, rule = FAULTS[fault]
    faulty = PACKAGE
    for inside, text in zip(planted[::2], planted[1::2], strict=True):
        faulty = faulty.with_text(inside, text)
    before = set(rule(PACKAGE))
    new = [breach for breach in rule(faulty) if breach not in before]
    assert new
    assert all(breach.startswith(planted[0].partition("/")[0]) for breach in new)


def test_every_rule_has_a_fault_that_it_catches():
    assert {rule for *_, rule in FAULTS.values()} == set(house.RULES)


@pytest.mark.parametrize(("inside", "text"), [
    ("rules/__init__.py", "from ..records import Task\nfrom ..base.validate import require\nimport numpy, math\n"),
    ("engine/__init__.py", "import jax\nfrom ..seam import Rig\nfrom .. import records\nfrom .. import __version__\n"
     "def judge(model):\n    return model.eval()\n"),
    ("cli/__init__.py", "from ..report import page\nfrom ..services import plan\nprint('hello')\n"
     "def f(a, b, c, d, e, f, g, h, i):\n    return a\n"),
    ("base/files.py", "try:\n    pass\nexcept BaseException:\n    raise\n"),
    ("seam/rows.py", "def f(name):\n    return name == 'jax'\n"),
    ("rules/inner/__init__.py", '"""A room within."""\nfrom .one import x\n'),
    ("api/verbs.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import keras\n"),
    ("__init__.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .api import plan as plan\n"),
], ids=["rules", "engine", "cli", "store", "seam", "a room within", "the types of a face", "the front door for type checkers"])
def test_what_is_allowed_is_let_through(inside, text):
    changed = PACKAGE.with_text(inside, text)
    assert {rule: len(rule(changed)) for rule in house.RULES} == {rule: len(rule(PACKAGE)) for rule in house.RULES}
