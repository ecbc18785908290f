"""Which variables a call would have changed, had a scope not kept it from doing so."""

from typing import NamedTuple


class Changed(NamedTuple):
    """What a call changes.

    Attributes:
        places: of those among `model.variables`. names: for a sentence.
        unlisted: whether there are others, which the model does not list: the states of a recurrent layer. What they become
            cannot be read from the scope.
    """

    places: tuple[int, ...]
    names: tuple[str, ...]
    unlisted: bool


def changed_in(scope, model):
    """`(Changed, new values of those listed)`.

    Args:
        scope: a `keras.StatelessScope` that was entered without values, and left.
    """
    variables = model.variables
    after = [scope.get_current_value(v) for v in variables]
    places = tuple(i for i, value in enumerate(after) if value is not None)
    unlisted = len(scope.state_mapping) > len({id(variables[i]) for i in places})
    names = tuple(f"`{variables[i].path}`" for i in places) + (("the state that a layer keeps",) if unlisted else ())
    return Changed(places, names, unlisted), [after[i] for i in places]
