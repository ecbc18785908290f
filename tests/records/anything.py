"""Hypothesis strategies that build any record from the types of its fields, so that a new record is tested unasked."""

import dataclasses
import enum
import types
import typing

from hypothesis import strategies as st

from epochal import records

KINDS = sorted((kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)), key=lambda kind: kind.__name__)


def anything(kind):
    """A strategy for values of exactly the type `kind`: no `float` for an `int`. Never `nan`, which equals nothing."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: anything(hints[field.name])
                                  for field in dataclasses.fields(kind)})
    if origin in (types.UnionType, typing.Union):
        return st.one_of([anything(one) for one in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        longest = 1 if dataclasses.is_dataclass(arguments[0]) else 3
        return st.lists(anything(arguments[0]), max_size=longest).map(tuple)
    if origin is tuple:
        return st.tuples(*(anything(one) for one in arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return {float: st.floats(allow_nan=False), int: st.integers(), bool: st.booleans(),
            str: st.text(max_size=20), types.NoneType: st.none()}[kind]


def example(kind):
    """One record of `kind`, always the same: small, with an infinity, other scripts than Latin, and quotes in its text."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _one(hints[field.name]) for field in dataclasses.fields(kind)})


def _one(kind):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return example(kind)
    if origin in (types.UnionType, typing.Union):
        return _one(next(one for one in arguments if one is not types.NoneType))
    if origin is tuple and arguments[-1] is Ellipsis:
        return (_one(arguments[0]),) * 2
    if origin is tuple:
        return tuple(map(_one, arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    return {float: float("-inf"), int: 3, bool: True, str: 'größe "損失" \\ \n'}[kind]
