"""The clean scripts and notebooks, and the mutants that are made of them."""

import ast
import pathlib

from codecheck.mutators import mutants
from codecheck.restyle import restyled

from epochal.codecheck.sources import read_parts

CLEAN = pathlib.Path(__file__).parent / "clean"
FILES = tuple(sorted(path.name for path in CLEAN.iterdir() if path.suffix in (".py", ".ipynb")))


def module_of(name):
    """The statements of a clean file, those of a notebook's cells one after the other."""
    parts, failed = read_parts(str(CLEAN / name))
    assert not failed, failed
    return ast.Module([statement for part in parts for statement in part.body], [])


def all_mutants():
    """`(file, kind, form, style, text)`: every mutant, its style changing from one to the next."""
    count = 0
    for name in FILES:
        for kind, form, tree in mutants(name, module_of(name)):
            style = count % 4
            count += 1
            yield name, kind, form, style, ast.unparse(restyled(tree, style))


def all_clean():
    """`(file, style, text)`: every clean file in four styles."""
    return [(name, style, ast.unparse(restyled(module_of(name), style))) for name in FILES for style in range(4)]
