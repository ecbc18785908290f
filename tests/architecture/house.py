"""The rules of the house as functions: each takes a `Package` and returns one sentence per breach.

They read the source and never import it, so that `test_faults.py` can plant a fault in the text they read. An import counts
wherever it stands: at the top, in a function, under `TYPE_CHECKING` (but in the front door, where type checkers and editors look).
"""

import ast
import functools
import itertools
import pathlib
import sys
import tomllib
from dataclasses import dataclass

FLOOR = {"base": 0, "records": 1, "rules": 2, "seam": 2, "tables": 2, "histories": 2, "codecheck": 2, "engine": 3, "probes": 4,
         "experiments": 5, "training": 5, "services": 6, "report": 7, "api": 7, "cli": 7}
NEIGHBOURS = {("cli", "report"), ("api", "report")}  # pairs on one floor of which the first may import the second
FACES = frozenset({"api", "cli"})
FRAMEWORKS = frozenset({"keras", "jax", "jaxlib", "tensorflow", "torch", "optax"})
FRAMEWORK_ROOMS = {"seam", "engine", "training"}
BACKENDS = frozenset({"jax", "tensorflow", "torch"})
LIBRARIES = {"base": {"filelock", "numpy", "platformdirs", "psutil", "scipy", "rich"},
             "records": {"cattrs"}, "rules": {"numpy", "scipy"}}
# Where it is imported under another name.
PROJECT_NAME = {"sklearn": "scikit-learn", "PIL": "pillow", "confluent_kafka": "confluent-kafka",
                "jaxlib": "jax", "mlflow": "mlflow-skinny"}
MUTABLE = {"list", "dict", "set", "bytearray", "ndarray", "List", "Dict", "Set"}
LONGEST, MOST_FILES, MOST_PARAMETERS = 400, 15, 8
FRONT_DOOR = pathlib.PurePosixPath("__init__.py")


@dataclass(frozen=True)
class Module:
    """One source file: its path within the package, and its text."""

    path: pathlib.PurePosixPath
    text: str

    @property
    def room(self):
        """The first folder; `""` for the front door."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    @functools.cached_property
    def nodes(self):
        """Every node of its syntax, the module itself first."""
        return tuple(ast.walk(ast.parse(self.text)))

    @functools.cached_property
    def imports(self):
        """`(node, name)` for every import; `from ..records import Task` is `["epochal", "records", "Task"]`."""
        return [found for node in self.nodes if self.path != FRONT_DOOR or node not in self.for_type_checkers
                for found in self._imports_of(node)]

    @functools.cached_property
    def for_type_checkers(self):
        """The nodes under `if TYPE_CHECKING:`."""
        guards = (node for node in self.nodes
                  if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
        return {inner for guard in guards for statement in guard.body for inner in ast.walk(statement)}

    def _imports_of(self, node):
        if isinstance(node, ast.Import):
            return [(node, alias.name.split(".")) for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            package = ["epochal", *self.path.parent.parts]
            start = package[: len(package) - node.level + 1] if node.level else []
            stem = start + (node.module.split(".") if node.module else [])
            return [(node, [*stem, alias.name]) for alias in node.names]
        return []

    def where(self, node=None):
        return f"{self.path}:{node.lineno if node is not None else 1}"


@dataclass(frozen=True)
class Package:
    """All modules of the package, and the libraries that the project declares."""

    modules: tuple[Module, ...]
    declared: frozenset[str]

    @classmethod
    def read(cls, project):
        """The package of a project's folder."""
        root = pathlib.Path(project) / "src" / "epochal"
        about = tomllib.loads((pathlib.Path(project) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        lines = itertools.chain(about["dependencies"], *about["optional-dependencies"].values())
        return cls(tuple(Module(pathlib.PurePosixPath(path.relative_to(root).as_posix()), path.read_text(encoding="utf-8"))
                         for path in sorted(root.rglob("*.py"))), frozenset(map(_library, lines)))

    def with_text(self, inside, text):
        """The same package with `text` at the end of the file `inside`, or with that file where there is none."""
        path = pathlib.PurePosixPath(inside)
        before = "".join(module.text for module in self.modules if module.path == path)
        others = tuple(module for module in self.modules if module.path != path)
        return Package((*others, Module(path, before + text)), self.declared)


def of_each_module(rule):
    """A rule about one module, as a rule about the package that looks at each module once, however often it is asked."""
    seen = functools.cache(rule)

    @functools.wraps(rule)
    def of_the_package(package):
        return [breach for module in package.modules for breach in seen(module)]

    return of_the_package


def every_room_has_a_floor(package):
    rooms = {module.room for module in package.modules} - {""}
    return [f"{room}/ has no floor: give it one in tests/architecture/house.py and in docs/architecture.md"
            for room in sorted(rooms - set(FLOOR))]


@of_each_module
def nothing_imports_upward(module):
    """A room imports from lower floors, and from itself; a neighbour on the same floor is as bad as a higher one."""
    return [f"{module.where(node)}: {module.room} (floor {FLOOR[module.room]}) imports {name[1]} (floor {FLOOR[name[1]]})"
            for node, name in module.imports
            if module.room in FLOOR and name[0] == "epochal" and name[1:2] and name[1] in FLOOR and name[1] != module.room
            and (module.room, name[1]) not in NEIGHBOURS and FLOOR[name[1]] >= FLOOR[module.room]]


def no_modules_import_in_a_circle(package):
    """Neither at the top nor inside functions; whoever imports a module from another room runs that room's `__init__` too."""
    modules = {_dotted(module.path): module for module in package.modules}
    targets = {name: _targets(name, module, modules) for name, module in modules.items()}
    found = []
    for circle in _circles(targets):
        first, second = circle[:2] if len(circle) > 1 else circle * 2
        found.append(f"{modules[first].where(targets[first][second])}: imports in a circle: {' -> '.join([*circle, first])}")
    return found


@of_each_module
def nobody_enters_by_the_front_door(module):
    """Inside the house, the front door gives its version and nothing else: its names lead to every floor."""
    return [f"{module.where(node)}: takes {'.'.join(name[1:]) or 'everything'} from the front door; import it from its room"
            for node, name in module.imports
            if module.room and name[0] == "epochal" and (len(name) == 1 or name[1] not in {*FLOOR, "__version__"})]


@of_each_module
def the_front_door_imports_almost_nothing(module):
    """But under `TYPE_CHECKING`, which costs a run nothing and tells editors and type checkers what the public names are."""
    return [f"{module.where(node)}: the front door imports {'.'.join(name)}, so every `import epochal` pays for it"
            for node, name in module.imports
            if module.path == FRONT_DOOR and not _is_standard(name) and name[:2] != ["epochal", "base"]]


@of_each_module
def only_records_ask_at_the_door(module):
    """`base.lookup` lets a record offer a verb of a higher floor; anyone else could use it to import upward unseen."""
    return [f"{module.where(node)}: {module.room} uses base.lookup, which is for records alone"
            for node, name in module.imports
            if name[:3] == ["epochal", "base", "lookup"] and module.room not in {"", "base", "records"}]


@of_each_module
def nothing_is_imported_by_a_string(module):
    """`import_module`, `__import__`, `eval` and `exec` hide an import from these tests; only the front door may."""
    return [f"{module.where(node)}: {name} hides what is imported"
            for node in module.nodes if module.path != FRONT_DOOR
            for name in _names_used(node)
            if name in {"import_module", "__import__"} or (name in {"eval", "exec"} and isinstance(node, ast.Name))]


@of_each_module
def frameworks_stay_behind_the_seam(module):
    """But under `TYPE_CHECKING` in `api` and `services`, whose signatures name what Keras returns."""
    return [f"{module.where(node)}: {module.room or 'the front door'} imports {name[0]}"
            for node, name in module.imports if name[0] in FRAMEWORKS and module.room not in FRAMEWORK_ROOMS
            and not (module.room in {"api", "services"} and node in module.for_type_checkers)]


@of_each_module
def nobody_names_private_keras(module):
    """Only the public `keras.*`: `keras.src` changes with every release."""
    named = [f"{module.where(node)}: imports keras.src" for node, name in module.imports if name[:2] == ["keras", "src"]]
    kerases = {"keras", *(alias.asname for node in module.nodes if isinstance(node, ast.Import)
                          for alias in node.names if alias.name == "keras")}
    for node in module.nodes:
        spoken = isinstance(node, ast.Constant) and isinstance(node.value, str) and "keras.src" in node.value
        reached = isinstance(node, ast.Attribute) and node.attr == "src" and ast.unparse(node.value) in kerases
        if spoken or reached:
            named.append(f"{module.where(node)}: names keras.src")
    return named


@of_each_module
def back_ends_are_told_apart_in_the_seam_alone(module):
    """Above the seam a capability is a value that is there, or `None`; and there is one table of back ends, `base/backends.py`."""
    if module.room == "seam" or module.path == pathlib.PurePosixPath("base/backends.py"):
        return []
    compared = [node for node in module.nodes if isinstance(node, ast.Compare) and BACKENDS & set(_texts(node))]
    matched = [node for node in module.nodes if isinstance(node, ast.MatchValue) and BACKENDS & set(_texts(node))]
    listed = [node for node in module.nodes if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict)
              and len(BACKENDS & {text for part in ast.iter_child_nodes(node) for text in _texts(part)}) > 1]
    return [*(f"{module.where(node)}: asks which back end it is; let the seam say what it can do" for node in compared + matched),
            *(f"{module.where(node)}: lists back ends; ask base/backends.py" for node in listed)]


@of_each_module
def low_floors_use_few_libraries(module):
    return [f"{module.where(node)}: {module.room} imports {name[0]}; it may use {', '.join(sorted(LIBRARIES[module.room]))}"
            for node, name in module.imports
            if module.room in LIBRARIES and not _is_standard(name) and name[0] not in {"epochal", *LIBRARIES[module.room]}]


def every_library_is_declared(package):
    """What is imported is what `pyproject.toml` tells an installer to fetch."""
    return [f"{module.where(node)}: imports {name[0]}, which pyproject.toml does not declare"
            for module in package.modules for node, name in module.imports
            if not _is_standard(name) and name[0] != "epochal" and PROJECT_NAME.get(name[0], name[0]) not in package.declared]


@of_each_module
def only_the_cli_prints(module):
    return [f"{module.where(node)}: {module.room or 'the front door'} prints; return it, and let the caller print"
            for node in module.nodes
            if module.room != "cli" and isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]


@of_each_module
def nobody_catches_everything(module):
    """Nobody swallows an error without knowing its name; `base/files.py` tidies up and raises it again."""
    blind = {"Exception", "BaseException"}
    found = []
    for node in module.nodes:
        if isinstance(node, ast.ExceptHandler) and (node.type is None or blind & set(_names_within(node.type))):
            again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if not (again and module.path == pathlib.PurePosixPath("base/files.py")):
                found.append(f"{module.where(node)}: catches everything")
        elif isinstance(node, ast.Call) and "suppress" in _names_used(node.func) and \
                any(blind & set(_names_within(argument)) for argument in node.args):
            found.append(f"{module.where(node)}: suppresses everything")
    return found


@of_each_module
def modules_stay_small(module):
    length = len(module.text.splitlines())
    return [f"{module.where()}: {length} lines; {LONGEST} at most"] if length > LONGEST else []


def folders_stay_small(package):
    """What is looked for is found by reading a folder's names."""
    names = {}
    for module in package.modules:
        names.setdefault(module.path.parent, []).append(module.path.name)
    return [f"{folder}: {len(files)} files; {MOST_FILES} at most" for folder, files in names.items() if len(files) > MOST_FILES]


@of_each_module
def no_function_takes_many_parameters(module):
    """Below the faces, whose parameters are what their users may say: what belongs together is a record with a name."""
    found = []
    for node in module.nodes:
        if module.room not in FACES and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            n = len(given) - (bool(given) and given[0].arg in {"self", "cls"})
            if n > MOST_PARAMETERS:
                found.append(f"{module.where(node)}: {node.name} takes {n} parameters; {MOST_PARAMETERS} at most: "
                             "make a record of some")
    return found


@of_each_module
def every_module_says_what_it_is(module):
    """The first line of a file is a sentence a stranger understands."""
    first = (ast.get_docstring(module.nodes[0], clean=False) or "").split("\n")[0].strip()
    says = first and module.nodes[0].body[0].lineno == 1
    return [] if says else [f"{module.where()}: must begin with a docstring, its sentence on the first line"]


@of_each_module
def every_record_is_frozen(module):
    """A class in records is an enum, or a dataclass that is frozen, has slots, and whose fields cannot change either."""
    found = []
    for node in module.nodes if module.room == "records" else ():
        if not isinstance(node, ast.ClassDef) or any("Enum" in _names_within(base) for base in node.bases):
            continue
        if not {"frozen", "slots"} <= _switched_on(node):
            found.append(f"{module.where(node)}: {node.name} must be @dataclass(frozen=True, slots=True)")
        found += [f"{module.where(field)}: {node.name}.{ast.unparse(field.target)} can change; use a tuple"
                  for field in node.body
                  if isinstance(field, ast.AnnAssign) and MUTABLE & set(_names_within(field.annotation))]
    return found


RULES = (
    every_room_has_a_floor, nothing_imports_upward, no_modules_import_in_a_circle, nobody_enters_by_the_front_door,
    the_front_door_imports_almost_nothing, only_records_ask_at_the_door, nothing_is_imported_by_a_string,
    frameworks_stay_behind_the_seam, nobody_names_private_keras, back_ends_are_told_apart_in_the_seam_alone,
    low_floors_use_few_libraries, every_library_is_declared, only_the_cli_prints, nobody_catches_everything, modules_stay_small,
    folders_stay_small, no_function_takes_many_parameters, every_module_says_what_it_is, every_record_is_frozen,
)


def _dotted(path):
    return ".".join(["epochal", *path.with_suffix("").parts]).removesuffix(".__init__")


def _targets(name, module, modules):
    """The modules that one module imports, each with the import's node."""
    found = {}
    for node, parts in module.imports:
        named = ".".join(parts) if ".".join(parts) in modules else ".".join(parts[:-1])
        target = named
        while target in modules and (target == named or not f"{name}.".startswith(f"{target}.")):
            found.setdefault(target, node)
            target = target.rpartition(".")[0]  # a room's `__init__` runs before any module in it
    return found


def _circles(targets):
    """The shortest circle through each group of modules that import one another, as lists of names."""
    found, settled = [], set()
    for start in targets:
        if start in settled:
            continue
        circle = _shortest_way(targets, start)
        if circle:
            found.append(circle)
            settled.update(circle)
    return found


def _shortest_way(targets, start):
    """From `start` back to itself; `None` where no import leads back."""
    ways, seen = [[start]], set()
    for way in ways:  # grows as it is read
        for target in targets[way[-1]]:
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return None


def _is_standard(name):
    return name[0] in sys.stdlib_module_names


def _library(requirement):
    """`"jax[cuda12]>=0.6"` is `"jax"`."""
    return "".join(itertools.takewhile(lambda letter: letter.isalnum() or letter in "-_.", requirement)).lower()


def _texts(node):
    """Every text in the node or below it."""
    return (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


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


def drawing(package):
    """The rooms as docs/architecture.md shows them: floor, name, and the first sentence of each `__init__.py`."""
    says = {module.path.parent: ast.get_docstring(module.nodes[0]).split("\n")[0]
            for module in package.modules if module.path.name == "__init__.py" and module.room}
    rooms = sorted(says, key=lambda path: (-FLOOR[path.parts[0]], path.parts))
    names = {path: "  " * len(path.parts) + path.name + "/" for path in rooms}
    widest = max(map(len, names.values()))
    return "\n".join(["src/epochal/", *(f" {FLOOR.get(str(path), ' ')}{names[path]:{widest}}  {says[path]}" for path in rooms)])


if __name__ == "__main__":
    print(drawing(Package.read(pathlib.Path(__file__).parents[2])))
