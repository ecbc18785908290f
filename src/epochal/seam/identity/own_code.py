"""What the user's own functions and classes do, as text: their code, and the values that it refers to."""

import dis
import functools
import hashlib
import inspect
import pathlib
import site
import sys
import sysconfig
import types

import numpy as np

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


def is_own(name):
    """Whether a module, by its name, is the user's own, and not part of Python or of an installed package.

    A module that is not there is: functions that came from another machine are from files of the user's.
    """
    if name in ("__main__", "__mp_main__"):
        return True
    if name.partition(".")[0] == "epochal" or name in sys.builtin_module_names:
        return False
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None or not file:
        return module is None
    return not any(pathlib.Path(file).is_relative_to(folder) for folder in _installed())


def text_of(thing):
    """A text that changes with what a function, a class or an object does, as far as that is written in the user's own files.

    What is installed is described by its name, and so is what cannot be looked into: tensors, files, locks.
    """
    return repr(_text(thing, (), frozenset()))


@functools.cache
def _installed():
    return {pathlib.Path(folder) for folder in (*sysconfig.get_paths().values(), *site.getsitepackages(),
                                                site.getusersitepackages(), sys.prefix)}


def _text(thing, above, known):
    """`above`: the objects that this one is part of. `known`: functions and classes that are described already."""
    if isinstance(thing, _PLAIN):
        return thing
    if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        return thing.shape, str(thing.dtype), hashlib.sha256(np.ascontiguousarray(thing).data).hexdigest()
    if isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        thing = thing.__func__
    if inspect.isfunction(thing) or isinstance(thing, type):
        thing = inspect.unwrap(thing)
        if not is_own(thing.__module__ or ""):
            return f"{thing.__module__}.{thing.__qualname__}"
        if thing in known:
            return thing.__name__  # a class that has travelled has lost the rest of its name
        return (_class if isinstance(thing, type) else _function)(thing, above, known | {thing})
    if any(thing is other for other in above):
        return "…"
    above = (*above, thing)
    if isinstance(thing, (tuple, list)):
        return [_text(part, above, known) for part in thing]
    if isinstance(thing, (set, frozenset)):
        return sorted(repr(_text(part, above, known)) for part in thing)
    if isinstance(thing, dict):
        return [(repr(_text(key, above, known)), _text(value, above, known)) for key, value in thing.items()]
    if isinstance(thing, functools.partial):
        return [_text(part, above, known) for part in (thing.func, thing.args, thing.keywords)]
    if isinstance(thing, property):
        return [_text(part, above, known) for part in (thing.fget, thing.fset)]
    if isinstance(thing, types.ModuleType) or inspect.isroutine(thing):
        return getattr(thing, "__name__", "")
    return _object(thing, above, known)


def _function(function, above, known):
    closed = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    named = {name: function.__globals__[name] for name in _globals(function.__code__) if name in function.__globals__}
    values = (closed, function.__defaults__, function.__kwdefaults__, named)
    return [_code(function.__code__), *(_text(value, above, known) for value in values)]


def _class(of, above, known):
    held = [(name, _text(value, above, known)) for name, value in sorted(vars(of).items())
            if not name.startswith("__") or inspect.isfunction(value)]  # others that begin so are Python's own notes
    return [of.__name__, held, [_text(base, above, known) for base in of.__bases__]]


def _object(thing, above, known):
    """Its class; of its public attributes all, where the class is the user's own, else the user's own functions alone."""
    mine = is_own(type(thing).__module__)
    public = [(name, value) for name, value in sorted(getattr(thing, "__dict__", {}).items())
              if not name.startswith("_") and name not in ("name", "path")]
    return [_text(type(thing), above, known), [(name, _text(value, above, known)) for name, value in public
                                               if mine or inspect.isfunction(value) or isinstance(value, functools.partial)]]


def _code(code):
    return [code.co_code.hex(), code.co_names, code.co_varnames, [_constant(value) for value in code.co_consts]]


def _constant(value):
    if isinstance(value, types.CodeType):
        return _code(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _globals(code):
    """Names of the globals that a code refers to, and the codes within it, in the order of the first time."""
    names = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    inner = [name for value in code.co_consts if isinstance(value, types.CodeType) for name in _globals(value)]
    return list(dict.fromkeys((*names, *inner)))


def _is_filled(cell):
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is bound later
        return False
