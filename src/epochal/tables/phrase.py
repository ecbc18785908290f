"""A description where an error message expects a value: `got 2 infinite values`, not `got '2 infinite values'`."""


class Phrase(str):
    """Text that `repr` leaves without quotes, for the `value` of `base.validate.require`."""

    __slots__ = ()
    __repr__ = str.__str__


def counted(n, noun):
    """A number of things, in words.

    >>> counted(1, "row"), counted(1200, "row")
    (1 row, 1,200 rows)
    """
    return Phrase(f"{n:,} {noun}{'s' * (n != 1)}")
