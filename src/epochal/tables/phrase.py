"""A description where an error message expects a value: `got 2 infinite values`, not `got '2 infinite values'`."""


class Phrase(str):
    """Text that `repr` leaves without quotes, for the `value` of `base.errors.require`."""

    __slots__ = ()
    __repr__ = str.__str__
