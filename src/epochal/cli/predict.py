"""`epochal predict`: a saved model's answers for new rows, in the words and units of the table it was trained on."""

import os
from typing import Any

import click

from ..base.backends import choose_backend
from ..base.files import as_path
from ..base.system.place import locate
from ..base.text import RichTable
from ..base.validate import require
from ..report.progress import ProgressDisplay, tell
from .plan import table_options
from .terminal.output import strict_json, terminal, values_of, warnings_as_sentences, writable_file
from .terminal.stage import at


def run(options: dict[str, Any]) -> None:
    locate(options["data"])  # before libraries are loaded, which takes seconds
    from ..tables.predictions import ENDINGS
    from ..tables.score import score_rows

    out, as_json, size = options["out"], options["as_json"], options["batch_size"]
    path, place = writable_file(out, ENDINGS), as_path("MODEL", options["model"])
    for name, one in (("MODEL", place), ("DATA", as_path("DATA", options["data"]))):
        require(not (path.exists() and one.exists() and os.path.samefile(path, one)), "--out", out, f"another file than {name}",
                "Name it predictions.parquet.")
    answer = terminal()
    say = terminal(stderr=True) if as_json else answer
    choose_backend(options["backend"])
    from ..services.predict import TablePredictRequest, predict_table

    request = TablePredictRequest(place, options["data"], path, options["code"], int(size) if size.isdecimal() else size,
                                  options["goal"], options["correct_prior"], options["trust_model"],
                                  options=table_options(options),
                                  verbose=0 if as_json or not say.is_terminal else 1)
    at("reading and predicting")
    with warnings_as_sentences(say):
        found = predict_table(request, progress=ProgressDisplay(say))
    if as_json:
        click.echo(strict_json({"predictions": str(path), "rows": found.n_rows, "columns": found.columns,
                                "notes": list(found.notes), "scores": values_of(found.scores)}))
    elif found.scores is not None:
        answer.print(RichTable(list(score_rows(found.scores))))
    tell(say, f"Written: {path} ({found.n_rows:,} rows; {', '.join(found.columns)})")
