"""`epochal.stream`: answer rows as they arrive, learn from them afterwards."""

from collections.abc import Iterable
from os import PathLike
from typing import Any

from ..base.stop import Stop, Stopped, set_by_ctrl_c
from ..records import StreamReport
from ..services import stream as streaming
from .display import Verbosity, display


def stream(model: Any, source: Any, *, batch_size: int | Iterable[int] = 32, fading: float = 0.999, replay: int = 0,
           drift: bool = True, target: str | None = None, classes: Iterable[str] = (),
           checkpoint: str | PathLike[str] | None = None, starts_at: int | None = None, seed: int = 0,
           verbose: Verbosity = "auto") -> StreamReport:
    """Train a Keras model on rows that keep arriving: each is answered first, judged, and then learned from, once.

    Such data have no epochs. What tells how good the model is are the answers it gave before it saw the truth.

    Args:
        model: a compiled Keras model, which ends trained; a function that builds one; or `None` for the tutorials' network where
            rows come by name. With several batch sizes it is trained with the first, and copies of it with the others.
        source: an iterator of rows or batches: (dict, y) as river's data sets give them, dicts with `target` among their names,
            (x, y) as arrays of a row or of a batch. Or the path of a file of CSV or JSON lines, `"-"` for standard input, or
            `"kafka://HOST:PORT/TOPIC"`.
        batch_size: rows after which the model learns; or several, compared on the same rows from the same weights.
        fading: what a row counts in the faded means when the next one has come; 0.999 makes about the last 1,000 rows count.
        replay: rows of a buffer of the latest ones: each batch is followed by one more update on as many rows drawn from it.
        drift: whether to tell where errors rise by more than chance; needs river.
        target: the name of what to predict, where rows come by name. classes: all that there will be; else those of the first 500
            rows, and rows of another one are left out.
        checkpoint: a folder. After a kill the same call goes on there. starts_at: which row of the stream, from 0, `source` begins
            with: what was learned from already is passed over. `None`: 0, and for standard input the row it goes on with.
        seed: makes draws repeatable.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `StreamReport`, when the source ends. A row that cannot be read is counted, named and left out.

    Raises:
        KeyboardInterrupt: Ctrl-C; its `answer` is the report so far. The model is as the last batch left it.
        UsageError: an argument is not usable. Unsupported: the model has several outputs or losses.
    """
    sizes = batch_size if isinstance(batch_size, int) else tuple(batch_size) if isinstance(batch_size, Iterable) else batch_size
    request = streaming.StreamRequest(model, source, sizes, fading, replay, drift, seed, target, tuple(map(str, classes)),
                                      checkpoint=checkpoint, starts_at=starts_at)
    with set_by_ctrl_c(Stop()) as stop:
        try:
            return streaming.stream(request, progress=display(verbose), stop=stop)[0]
        except Stopped as stopped:
            raise Stopped(stopped.answer[0], stopped.kept) from None
