"""Predict: what a model answers for rows in memory, and a saved model for the rows of a table, in that table's own words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base.files import no_room, whole_file
from ..base.progress import SILENT, Agenda, Progress
from ..base.validate import require
from ..rules.training.prior import corrected
from ..seam.machine import check_device
from ..seam.model.file import check_takes, load_model
from ..seam.model.network import network_from_file
from ..tables.encoding import fingerprints, load_encoding
from ..tables.new_rows import apply
from ..tables.options import NOTHING_SAID, TableOptions
from ..tables.predictions import answers, carried, columns_of, raw_columns, write
from ..tables.score import scores
from ..training.predict.predict import predict as predict_rows
from ..training.predict.request import PredictRequest
from .source import decoding

_AS_TRAINED = ("The model was trained with the classes weighing alike, so its probabilities of rare classes are too high; "
               "--correct-prior turns them back to the shares of the data.")


def predict(request: PredictRequest, *, progress: Progress = SILENT) -> Any:
    """NumPy arrays in the nesting of the model's outputs."""
    try:
        return predict_rows(request, say=progress.say)
    finally:
        progress.done()


@dataclass(frozen=True, eq=False)
class TablePredictRequest:
    """Answers of a saved model for the rows of a table, written to the file `out`; what is not told here, see `epochal.predict`.

    Attributes:
        code: `"FILE.py:FUNCTION"` that builds the model, where Keras cannot.
        correct_prior: whether probabilities are corrected to the shares that the classes really had.
        trust: whether code in the file (a `Lambda` layer) may run.
        options: how the file is written, where that is not to be found out.
    """

    model: Path
    data: str
    out: Path
    code: str | None = None
    batch_size: int | str = "auto"
    goal: str = "throughput"
    correct_prior: bool = False
    trust: bool = False
    verbose: int = 0
    options: TableOptions = NOTHING_SAID


class TablePrediction(NamedTuple):
    """What was written, and how good it is (see `tables.score.scores`) where the target is known already."""

    n_rows: int
    columns: list[str]
    notes: tuple[str, ...]
    scores: dict[str, tuple[Any, ...]] | None


def predict_table(request: TablePredictRequest, *, progress: Progress = SILENT) -> TablePrediction:
    """Write the answers for every row, in their order.

    Raises:
        UsageError: the request cannot be met as it stands.
    """
    place = request.model
    require(place.suffix == ".keras", "MODEL", str(place), "a file that ends in .keras", "Pass what epochal fit wrote.")
    require(place.is_file(), "MODEL", str(place), "a file that exists", f"Check the path; the current folder is {Path.cwd()}.")
    encoding = load_encoding(place)
    require(not request.correct_prior or (encoding is not None and encoding.trained_prior), "--correct-prior", str(place),
            "asked of a model trained with --batches balanced or --class-weight",
            "This one saw the classes in their own shares: leave it out.")
    rows = apply(encoding, request.data, request.options, decoding(progress))
    progress.start(Agenda("", bar=False))
    notes = (*rows.notes, *([_AS_TRAINED] if encoding is not None and encoding.trained_prior and not request.correct_prior else []))
    for note in notes:
        progress.say(f"· {note}")
    check_device()
    model = load_model(place, build=network_from_file(request.code) if request.code else None,
                       trust=request.trust)
    check_takes(model, rows.x[:2])
    outputs = predict(PredictRequest(model, rows.x, request.batch_size, request.verbose, goal=request.goal), progress=progress)
    if encoding is None or encoding.outputs == "raw":
        columns, values = raw_columns(outputs), None
    else:
        values = answers(outputs, encoding)
        if request.correct_prior:
            values = corrected(values, encoding.trained_prior, encoding.prior)
        columns = columns_of(values, encoding)
    try:
        with whole_file(request.out) as file:
            names = write(carried(rows.carried, columns) | columns, file, ending=request.out.suffix.lower())
    except OSError as error:
        raise no_room("--out", request.out, error) from error
    if values is None or rows.y is None:
        return TablePrediction(len(rows.x), names, notes, None)
    new, note = _not_seen(rows.x, encoding)
    if note:
        progress.say(f"· {note}")
    return TablePrediction(len(rows.x), names, (*notes, *([note] if note else [])),
                           scores(values[new], np.asarray(rows.y)[new], encoding))


def _not_seen(x, encoding):
    """Which rows to judge by, bool[n], and a sentence where the model has trained on some of them, or was stopped by them."""
    seen = np.zeros(len(x), bool) if encoding.rows is None else np.isin(fingerprints(x), encoding.rows)
    if not seen.any():
        return ~seen, ""
    if seen.all():
        return seen, ("All of these rows were there when the model was trained: the scores flatter. Judge it by the test rows of "
                      "epochal fit, or by new ones.")
    return ~seen, (f"{seen.sum():,} of these {len(x):,} rows were there when the model was trained: the scores are of the other "
                   f"{(~seen).sum():,}.")
