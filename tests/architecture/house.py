"""The rules of the house as functions: each takes the package's folder and returns one sentence per breach.

They read the source and never import it, so that `test_faults.py` can run them on a copy with a fault in it. An import
counts wherever it stands: at the top, in a function, under `TYPE_CHECKING`.
"""

import ast
import functools
import itertools
import pathlib
import sys
import tomllib
from dataclasses import dataclass

FLOOR = {"base": 0, "records": 1, "rules": 2, "seam": 2, "tables": 2, "engine": 3, "probes": 4, "experiments": 5, "training": 5,
         "services": 6, "report": 7, "api": 7, "cli": 7, "testing": 7}
NEIGHBOURS = {("cli", "report"), ("api", "report")}  # pairs on one floor of which the first may import the second
FRAMEWORKS = frozenset({"keras", "jax", "jaxlib", "tensorflow", "torch", "optax"})
FRAMEWORK_ROOMS = {"seam", "engine", "training"}
LIBRARIES = {"base": {"numpy", "psutil", "scipy", "rich"}, "records": {"cattrs"}, "rules": {"numpy", "scipy"}}
PROJECT_NAME = {"sklearn": "scikit-learn", "jaxlib": "jax", "mlflow": "mlflow-skinny"}  # where it is imported under another name
MUTABLE = {"list", "dict", "set", "bytearray", "ndarray", "List", "Dict", "Set"}
LONGEST = 400


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its path, its room (`""` for the front door), its text, and every node of its syntax."""

    path: pathlib.Path
    room: str
    text: str
    nodes: tuple[ast.AST, ...]  # the module itself first

    def where(self, node=None):
        return f"{'/'.join(self.path.parts)}:{node.lineno if node is not None else 1}"


def modules(root):
    """Every module of the package in the folder `root`, each with its path relative to that folder."""
    root = pathlib.Path(root)
    for path in sorted(root.rglob("*.py")):
        inside, text = path.relative_to(root), path.read_text(encoding="utf-8")
        yield Module(inside, inside.parts[0] if len(inside.parts) > 1 else "", text, _parse(text))


def every_room_has_a_floor(root):
    rooms = {module.room for module in modules(root)} - {""}
    return [f"{room}/ has no floor: give it one in the tests and in docs/architecture.md" for room in rooms - set(FLOOR)]


def nothing_imports_upward(root):
    """A room imports from lower floors, and from itself; a neighbour on the same floor is as bad as a higher one."""
    return [f"{module.where(node)}: {module.room} (floor {FLOOR[module.room]}) imports {name[1]} (floor {FLOOR[name[1]]})"
            for module, node, name in _imports(root)
            if module.room in FLOOR and name[0] == "epochal" and name[1:2] and name[1] in FLOOR and name[1] != module.room
            and (module.room, name[1]) not in NEIGHBOURS and FLOOR[name[1]] >= FLOOR[module.room]]


def nobody_enters_by_the_front_door(root):
    """Inside the house, the front door gives its version and nothing else: its names lead to every floor."""
    return [f"{module.where(node)}: takes {'.'.join(name[1:]) or 'everything'} from the front door; import it from its room"
            for module, node, name in _imports(root)
            if module.room and name[0] == "epochal" and (len(name) == 1 or name[1] not in {*FLOOR, "__version__"})]


def the_front_door_imports_almost_nothing(root):
    return [f"{module.where(node)}: the front door imports {'.'.join(name)}, so every `import epochal` pays for it"
            for module, node, name in _imports(root)
            if str(module.path) == "__init__.py" and not _is_standard(name) and name[:2] != ["epochal", "base"]]


def only_records_ask_at_the_door(root):
    """`base.lookup` lets a record offer a verb of a higher floor; anyone else could use it to import upward unseen."""
    return [f"{module.where(node)}: {module.room} uses base.lookup, which is for records alone"
            for module, node, name in _imports(root)
            if name[:3] == ["epochal", "base", "lookup"] and module.room not in {"", "base", "records"}]


def nothing_is_imported_by_a_string(root):
    """`import_module`, `__import__`, `eval` and `exec` hide an import from these tests; only the front door may."""
    return [f"{module.where(node)}: {name} hides what is imported"
            for module in modules(root) if str(module.path) != "__init__.py"
            for node in module.nodes
            for name in _names_used(node)
            if name in {"import_module", "__import__"} or (name in {"eval", "exec"} and isinstance(node, ast.Name))]


def frameworks_stay_behind_the_seam(root):
    return [f"{module.where(node)}: {module.room or 'the front door'} imports {name[0]}"
            for module, node, name in _imports(root) if name[0] in FRAMEWORKS and module.room not in FRAMEWORK_ROOMS]


def nobody_names_private_keras(root):
    """Only the public `keras.*`: `keras.src` changes with every release."""
    named = [f"{module.where(node)}: imports keras.src" for module, node, name in _imports(root)
             if name[:2] == ["keras", "src"]]
    for module in modules(root):
        kerases = {"keras", *(alias.asname for node in module.nodes if isinstance(node, ast.Import)
                              for alias in node.names if alias.name == "keras")}
        for node in module.nodes:
            spoken = isinstance(node, ast.Constant) and isinstance(node.value, str) and "keras.src" in node.value
            reached = isinstance(node, ast.Attribute) and node.attr == "src" and ast.unparse(node.value) in kerases
            if spoken or reached:
                named.append(f"{module.where(node)}: names keras.src")
    return named


def low_floors_use_few_libraries(root):
    return [f"{module.where(node)}: {module.room} imports {name[0]}; it may use {', '.join(sorted(LIBRARIES[module.room]))}"
            for module, node, name in _imports(root)
            if module.room in LIBRARIES and not _is_standard(name) and name[0] not in {"epochal", *LIBRARIES[module.room]}]


def every_library_is_declared(root):
    """What is imported is what `pyproject.toml`, two folders up, tells an installer to fetch."""
    project = tomllib.loads((pathlib.Path(root).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_library(line) for line in itertools.chain(project["dependencies"],
                                                           *project["optional-dependencies"].values())}
    return [f"{module.where(node)}: imports {name[0]}, which pyproject.toml does not declare"
            for module, node, name in _imports(root)
            if not _is_standard(name) and name[0] != "epochal" and PROJECT_NAME.get(name[0], name[0]) not in declared]


def only_the_cli_prints(root):
    return [f"{module.where(node)}: {module.room or 'the front door'} prints; return it, and let the caller print"
            for module in modules(root) if module.room != "cli"
            for node in module.nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]


def nobody_catches_everything(root):
    """Nobody swallows an error without knowing its name; `base/files.py` tidies up and raises it again."""
    blind = {"Exception", "BaseException"}
    found = []
    for module in modules(root):
        for node in module.nodes:
            if isinstance(node, ast.ExceptHandler) and (node.type is None or blind & set(_names_within(node.type))):
                again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if not (again and module.path == pathlib.Path("base/files.py")):
                    found.append(f"{module.where(node)}: catches everything")
            elif isinstance(node, ast.Call) and "suppress" in _names_used(node.func) and \
                    any(blind & set(_names_within(argument)) for argument in node.args):
                found.append(f"{module.where(node)}: suppresses everything")
    return found


def modules_stay_small(root):
    lengths = ((module, len(module.text.splitlines())) for module in modules(root))
    return [f"{module.where()}: {length} lines; {LONGEST} at most" for module, length in lengths if length > LONGEST]


def every_module_says_what_it_is(root):
    """The first line of a file is a sentence a stranger understands."""
    return [f"{module.where()}: must begin with a docstring, its sentence on the first line" for module in modules(root)
            if not (ast.get_docstring(module.nodes[0], clean=False) or "").split("\n")[0].strip()
            or module.nodes[0].body[0].lineno != 1]


def every_record_is_frozen(root):
    """A class in records is an enum, or a dataclass that is frozen, has slots, and whose fields cannot change either."""
    found = []
    for module in modules(root):
        if module.room != "records":
            continue
        for node in module.nodes:
            if not isinstance(node, ast.ClassDef) or any("Enum" in _names_within(base) for base in node.bases):
                continue
            if not {"frozen", "slots"} <= _switched_on(node):
                found.append(f"{module.where(node)}: {node.name} must be @dataclass(frozen=True, slots=True)")
            found += [f"{module.where(field)}: {node.name}.{ast.unparse(field.target)} can change; use a tuple"
                      for field in node.body
                      if isinstance(field, ast.AnnAssign) and MUTABLE & set(_names_within(field.annotation))]
    return found


RULES = (
    every_room_has_a_floor, nothing_imports_upward, nobody_enters_by_the_front_door, the_front_door_imports_almost_nothing,
    only_records_ask_at_the_door, nothing_is_imported_by_a_string, frameworks_stay_behind_the_seam,
    nobody_names_private_keras, low_floors_use_few_libraries, every_library_is_declared, only_the_cli_prints,
    nobody_catches_everything, modules_stay_small, every_module_says_what_it_is, every_record_is_frozen,
)


@functools.lru_cache(maxsize=1024)
def _parse(text):
    return tuple(ast.walk(ast.parse(text)))


def _imports(root):
    """`(module, node, name)` for every import; `from ..records import Task` is `["epochal", "records", "Task"]`."""
    for module in modules(root):
        package = ["epochal", *module.path.parent.parts]
        for node in module.nodes:
            if isinstance(node, ast.Import):
                yield from ((module, node, alias.name.split(".")) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else []
                stem = start + (node.module.split(".") if node.module else [])
                yield from ((module, node, [*stem, alias.name]) for alias in node.names)


def _is_standard(name):
    return name[0] in sys.stdlib_module_names


def _library(requirement):
    """`"jax[cuda12]>=0.6"` is `"jax"`."""
    return "".join(itertools.takewhile(lambda letter: letter.isalnum() or letter in "-_.", requirement)).lower()


def _names_used(node):
    """The name that this one node reads, imports or looks up, if any."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.ImportFrom):
        return [alias.name for alias in node.names]
    return []


def _names_within(node):
    """Every name in the node or below it, those in a quoted annotation too."""
    for part in ast.walk(node):
        yield from _names_used(part)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            yield part.value


def _switched_on(class_node):
    """The keywords that a class's `@dataclass(...)` sets to `True`."""
    return {keyword.arg for decorator in class_node.decorator_list
            if isinstance(decorator, ast.Call) and "dataclass" in _names_used(decorator.func)
            for keyword in decorator.keywords if isinstance(keyword.value, ast.Constant) and keyword.value.value is True}
