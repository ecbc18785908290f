"""`epochal predict`: a saved model's answers for new rows, in the words and units of the table it was trained on."""

import os
from functools import partial
from pathlib import Path

import click

from ..base.files import whole_file
from ..base.text import rich_table
from ..base.validate import require
from ..rules.training.prior import corrected
from ..tables.apply import apply
from ..tables.encoding import load_encoding
from ..tables.predictions import ENDINGS, answers, columns_of, raw_columns, write
from ..tables.score import score_rows, scores
from .common import choose_backend, no_room, strict_json, tell, terminal, warnings_as_sentences, writable_file


def run(*, model, data, out, batch_size, goal, correct_prior, code, backend, as_json):
    """What `epochal predict` does; the arguments are its options."""
    path, place = writable_file(out, ENDINGS), Path(model)
    for name, one in (("MODEL", place), ("DATA", Path(data))):
        require(not (path.exists() and one.exists() and os.path.samefile(path, one)), "--out", out, f"another file than {name}",
                "Name it predictions.parquet.")
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    encoding, notes = _kept(place)
    require(not correct_prior or (encoding is not None and encoding.trained_prior), "--correct-prior", str(model),
            "asked of a model trained with --batches balanced or --class-weight",
            "This one saw the classes in their own shares: leave it out.")
    rows = apply(encoding, data)
    notes = (*notes, *rows.notes)
    for note in notes:
        tell(say, f"· {note}")
    choose_backend(backend)
    outputs = _predicted(place, code, rows.x, batch_size, goal, say, quiet=as_json)
    if encoding is None or encoding.outputs == "raw":
        columns, values = raw_columns(outputs), None
    else:
        values = answers(outputs, encoding)
        if correct_prior:
            values = corrected(values, encoding.trained_prior, encoding.prior)
        columns = columns_of(values, encoding)
    try:
        with whole_file(path) as file:
            names = write(columns, file, ending=path.suffix.lower())
    except OSError as error:
        raise no_room(path, error) from error
    judged = (values, rows.y, encoding) if values is not None and rows.y is not None else None
    if as_json:
        found = judged and {name: value for name, (value, *_) in scores(*judged).items()}
        click.echo(strict_json({"predictions": str(path), "rows": len(rows.x), "columns": names, "notes": list(notes),
                                "scores": found}))
    elif judged:
        answer.print(rich_table(list(score_rows(*judged))))
    tell(say, f"Written: {path} ({len(rows.x):,} rows; {', '.join(names)})")


def _kept(place):
    """The encoding in the file of the model, `None` where there is none, and sentences on it."""
    require(place.suffix == ".keras", "MODEL", str(place), "a file that ends in .keras", "Pass what epochal fit wrote.")
    require(place.is_file(), "MODEL", str(place), "a file that exists", f"Check the path; the current folder is {Path.cwd()}.")
    return load_encoding(place)


def _predicted(place, code, x, batch_size, goal, say, *, quiet):
    """The raw outputs for the rows `x`."""
    from ..seam.model.file import check_takes, load_model
    from ..seam.model.network import network_from_file
    from ..training.predict.predict import predict
    from ..training.predict.request import PredictRequest

    network = load_model(place, build=network_from_file(code) if code else None)
    check_takes(network, x[:2])
    with warnings_as_sentences(say):
        size = int(batch_size) if batch_size.isdecimal() else batch_size
        return predict(PredictRequest(network, x, size, verbose=0 if quiet or not say.is_terminal else 1, goal=goal),
                       say=partial(tell, say))
