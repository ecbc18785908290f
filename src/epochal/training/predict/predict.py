"""`epochal.predict`: what `model.predict` returns, in batches of a size that is found while it predicts."""

import itertools
from collections.abc import Callable
from time import perf_counter
from typing import Any

import keras

from ...base.errors import Unsupported, advise
from ...base.validate import require
from ...rules.training.predict_size import SMALLEST
from ...seam.feeding import feeding
from ...seam.forward import forward_of
from ...seam.model.copying import own_way
from ..feeds.batches import Batching, source_of
from ..feeds.cast import OnlyKeras, rows_of
from .blocks import Block, DependsOnBatch, Run, cut, taken
from .outputs import Outputs, RowsDiffer, fill
from .request import PredictRequest
from .size import in_blocks, known_sizes


def predict(request: PredictRequest, *, say: Callable[[str], None] = lambda sentence: None) -> Any:
    """The predictions of `model.predict(x)`; see `epochal.predict`. `say` is told when a batch size was found."""
    own = own_way(request.model, ("predict", "make_predict_function"))
    if own:
        say(f"Predicted by model.predict: {own}.")
        return fill(request.out, request.by_keras(request.x))
    try:
        if request.is_spread:
            raise OnlyKeras("the model is spread over devices", request.x)
        source = source_of(request.x, Batching(request.given_size, False, request.steps))
        if source is not None:
            return _batches(request, source)
        rows = rows_of(request.x)
        request.refuse_in_place(rows.leaves)
        return _rows(request, rows, say)
    except (OnlyKeras, Unsupported) as only:
        return fill(request.out, request.by_keras(getattr(only, "x", request.x)))
    except RowsDiffer as differ:
        forward, why = forward_of(request.model, lambda: None), str(differ)
        require(not hasattr(request.x, "__next__"), "x", "a generator", f"what model.predict can read again ({why})",
                "Pass a keras.utils.PyDataset.")
        _warn_once(request, forward, why)
        forward.why_only_keras = why
        return fill(request.out, request.by_keras(request.x))


def _batches(request, source):
    """Batches as the source cuts them."""
    looked, opened = source.look(), None

    def first():
        """Inputs to build the model from; they are not read again unless Keras does it."""
        nonlocal opened
        known = None if "predict" in feeding().rehearses else looked or source.described()
        if known is None:
            source.begin()
            opened = iter(source.open())
            known = next(opened, None)
            require(known is not None, "x", "no batch", "at least one batch", "A generator can be used only once.")
            opened = itertools.chain([known], opened)
            if "predict" in feeding().rehearses:
                source.end()
                opened = None
        return known[0]

    if not source.draws_torch_seed:
        feeding().draw_seed()
    forward = forward_of(request.model, first)
    n = source.n_batches if request.steps is None else request.n_steps
    outputs = Outputs(request.out, None, n)
    with Run(request, forward, outputs, n) as run:
        if opened is None:
            source.begin()
            opened = source.open()
        run.send(Block(keras.utils.pack_x_y_sample_weight(*batch)) for batch in itertools.islice(opened, request.n_steps))
        require(run.n_blocks > 0, "x", "no batch", "at least one batch", "A generator can be used only once.")
        source.end()
    if not run.stopped:
        _warn_of_missing(request.steps, run.n_blocks)
    if run.n_blocks == source.n_batches:
        feeding().draw_seed()
    return outputs.result()


def _rows(request, rows, say):
    """Arrays, in blocks of the size that was given, or found."""
    forward = forward_of(request.model, lambda: rows.take(slice(0, 1))[0])
    if forward.why_only_keras:
        raise RowsDiffer(forward.why_only_keras)
    feeding().draw_seed()  # before the first batch and after the last, as Keras does where the rows' own source does not
    outputs = None
    if request.batch_size == "auto" and request.steps is None and rows.n_rows > SMALLEST and not forward.why_batched:
        try:
            outputs = _in_blocks_of_any_size(request, rows, forward, say)
        except DependsOnBatch as depends:
            _warn_once(request, forward, str(depends))
            forward.why_batched = str(depends)
    outputs = outputs or _in_batches_of_keras(request, rows, forward)
    if outputs.done == rows.n_rows:
        feeding().draw_seed()
    return outputs.result()


def _in_batches_of_keras(request, rows, forward):
    """As Keras cuts them; through Keras' own step, if predicting changes the model."""
    size = request.given_size or (SMALLEST if request.steps is None else -(-rows.n_rows // request.steps))
    if request.steps is not None:
        rows = rows._replace(n_rows=min(rows.n_rows, request.n_steps * size))
        _warn_of_missing(request.steps, -(-rows.n_rows // size))
    outputs = Outputs(request.out, rows.n_rows)
    with Run(request, forward, outputs, -(-rows.n_rows // size)) as run:
        run.send(cut(rows, 0, size))
    return outputs


def _in_blocks_of_any_size(request, rows, forward, say):
    """In the blocks that suit the machine. Raises `DependsOnBatch` where predictions depend on it."""
    outputs, start = Outputs(request.out, rows.n_rows), perf_counter()
    known = known_sizes(request.model, forward, taken(rows, slice(0, 1)))
    with Run(request, forward, outputs, None, any_size=True) as run:
        found = in_blocks(run, rows, known, request.goal)
    if found:  # when the progress bar has ended
        say(f"predict: batch_size={found:,} is best for {request.goal} here; measured in this call ("
            f"{perf_counter() - start:.2g} s), and kept for the next ones.")
    return outputs


def _warn_once(request, forward, why):
    """Say why a model cannot be predicted in blocks of any size, unless that was said before."""
    if not (forward.why_batched or forward.why_only_keras):
        advise(f"The predictions of `{request.model.name}` depend on how its rows are batched: {why}. It is run exactly as Keras "
               f"runs it, in batches of {request.given_size or SMALLEST}.")


def _warn_of_missing(steps, seen):
    if steps is not None and seen < steps:
        advise(f"`steps` is {steps}, but x holds only {seen} batches: all of them were predicted.")
