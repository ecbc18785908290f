"""Text of what the user wrote: it changes with what is done, and with nothing else."""

import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from epochal.seam.identity.own_code import is_own, text_of

FACTOR, NOT_USED = 2.0, 5.0


def by_factor(x):
    return FACTOR * x


def closed(k, kind=float):
    """A new function each time."""
    return lambda x, default=kind: default(x * k)


class Base:
    def call(self, x):
        return by_factor(x)


class Layer(Base):
    limit = 3

    def __init__(self, k=1.0, name=None):
        self.k, self.name, self.other = k, name, self

    @property
    def double(self):
        return 2 * self.k


@dataclass
class Recursive:
    inner: object = None


def swapped(of, name, value):
    class Changed(of):
        pass

    Changed.__name__ = of.__name__
    setattr(Changed, name, value)
    return Changed


ALIKE = {
    "the same code again": (closed(1), closed(1)), "an object again": (Layer(), Layer()),
    "a name": (Layer(name="dense"), Layer(name="dense_1")), "a partial again": (partial(closed, 1), partial(closed, 1)),
    "arrays": (closed(np.arange(3)), closed(np.arange(3))), "sets": (closed({"a", "b", "c"}), closed({"c", "b", "a"})),
}
UNLIKE = {
    "what is closed over": (closed(1), closed(2)), "a default": (closed(1), closed(1, int)),
    "an array": (closed(np.arange(3)), closed(np.arange(3.0))), "a partial": (partial(closed, 1), partial(closed, 2)),
    "a constant": (lambda x: x + 1, lambda x: x + 2), "a call": (lambda x: abs(x), lambda x: max(x)),
    "an attribute": (Layer(1.0), Layer(2.0)), "an attribute of the class": (Layer, swapped(Layer, "limit", 4)),
    "a property": (Layer, swapped(Layer, "double", property(lambda self: 3))), "a base": (Layer, Base),
    "what is installed": (np.mean, np.median), "a nested function": (lambda: [i for i in (1, 2)], lambda: [i for i in (1, 3)]),
}


@pytest.mark.parametrize("case", ALIKE)
def test_what_does_the_same_reads_the_same(case):
    one, other = ALIKE[case]
    assert text_of(one) == text_of(other)


@pytest.mark.parametrize("case", UNLIKE)
def test_what_does_something_else_reads_otherwise(case):
    one, other = UNLIKE[case]
    assert text_of(one) != text_of(other)


@pytest.mark.parametrize("thing", [by_factor, Base, Layer()])
def test_a_global_that_is_used_counts_and_another_does_not(monkeypatch, thing):
    before = text_of(thing)
    monkeypatch.setattr(sys.modules[__name__], "NOT_USED", 6.0)
    assert text_of(thing) == before
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3.0)
    assert text_of(thing) != before


def test_what_holds_itself_ends():
    loop = Recursive()
    loop.inner = [loop]
    assert text_of(loop)


def test_hashing_does_not_show(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import epochal.seam.identity.own_code\nWORDS = {'a', 'b', 'c', 'd'}\n"
                       "print(epochal.seam.identity.own_code.text_of(lambda x: x in {'p', 'q', 'r', 's'} or x in WORDS))\n")
    told = {subprocess.run([sys.executable, program], env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
                           capture_output=True, text=True, check=True).stdout for seed in range(3)}
    assert len(told) == 1


def test_what_is_ones_own():
    assert is_own(__name__)
    assert is_own("__main__")
    assert is_own("a module that is on another machine alone")
    assert not any(map(is_own, ("builtins", "functools", "numpy", "keras", "epochal.api")))
