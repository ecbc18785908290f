"""What an error says is told, also where the error cannot be asked."""

import pytest

from epochal.base.text import first_line, said_by


class Untold(Exception):
    __str__ = None


class Raising(Exception):
    def __str__(self):
        raise ValueError("not even this")


@pytest.mark.parametrize(("error", "said"), [
    (ValueError("  one.\ntwo "), "one"), (ValueError(), "ValueError"), (Untold("x"), "Untold"), (Raising("x"), "Raising")])
def test_the_first_line_of_any_error_can_be_told(error, said):
    assert first_line(error) == said
    assert (said_by(error) == "") is (said not in ("one",))
