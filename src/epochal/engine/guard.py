"""Tell running out of memory from every other error, by the back end's own word for it."""


class memory_guard:  # noqa: N801  (used as a statement: `with memory_guard(rig) as guard:`)
    """A block that may run out of memory: then it is left, and `ran_out` is true. Any other error passes through.

    Args:
        rig: knows the back end's exceptions for it.
    """

    def __init__(self, rig):
        self._rig, self.ran_out = rig, False

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.ran_out = error is not None and self._rig.out_of_memory(error)
        return self.ran_out
