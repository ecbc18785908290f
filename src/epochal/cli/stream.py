"""`epochal stream`: rows from a file, standard input or a Kafka topic, answered as they arrive and learned from afterwards."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..base.backends import choose_backend
from ..base.errors import UsageError
from ..base.stop import Stopped
from ..base.text import RichTable
from ..records import StreamReport
from ..report.progress import ProgressDisplay, tell
from .plan import table_options
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_as_json, terminal, warnings_as_sentences, writable_file
from .terminal.stage import at


def run(options: dict[str, Any]) -> None:
    sizes = _sizes(options["batch_size"])
    path = None if options["out"] is None else writable_file(options["out"], (".keras",))
    page = None if options["page"] is None else writable_file(options["page"], (".html",))
    console, answer, as_json = terminal(stderr=True), terminal(), options["as_json"]
    say = console if as_json else answer
    choose_backend(options["backend"])
    from ..services.stream import StreamRequest, offset_in, save_stream, stream

    if options["show_offset"]:
        if options["checkpoint"] is None:
            raise UsageError("`--show-offset` must stand beside --checkpoint DIR. Name the folder.")
        click.echo(offset_in(options["checkpoint"]))
        return
    classes = tuple(word.strip() for word in (options["classes"] or "").split(",") if word.strip())
    request = StreamRequest(options["model"], options["source"], sizes, options["fading"], options["replay"], options["drift"],
                            options["seed"], options["target"], classes, options["task"], table_options(options),
                            options["checkpoint"], options["starts_at"])
    progress = ProgressDisplay(console, sentences=say, stage=at)
    try:
        with stop_on_signals(progress.say) as stop, warnings_as_sentences(say):
            found = stream(request, progress=progress, stop=stop)
    except Stopped as stopped:
        if stopped.answer is not None:
            tell(say, "\nStopped. The answer so far:")
            _finish(stopped.answer, (path, page), (say, answer), save_stream, as_json=as_json)
            if stopped.kept is not None:
                report = stopped.answer[0]
                tell(say, f"The same command goes on with row {report.offset + 1:,} ({stopped.kept} keeps how far it is).")
        raise
    _finish(found, (path, page), (say, answer), save_stream, as_json=as_json)


def _finish(found: Any, files: tuple[Path | None, Path | None], where: tuple[Console, Console], save: Any, *,
            as_json: bool) -> None:
    """Print the report, and write the model and the page."""
    report, model, encoding = found
    (path, page), (say, answer) = files, where
    if as_json:
        click.echo(record_as_json(report))
    else:
        _show(report, answer)
    if page is not None:
        from ..report.stream import write_page

        write_page(report, page)
        tell(say, f"Written: {page}")
    if path is not None and model is not None:
        save(model, encoding, path)
        tell(say, f"Written: {path} (for new rows: epochal predict {path} NEW.csv --out predictions.parquet)")


def _show(report: StreamReport, answer: Console) -> None:
    answer.print(f"\n{report.headline}\n", highlight=False, markup=False, style="bold")
    if report.arms:
        answer.print(RichTable(list(report.arm_rows())))
    answer.print()
    for sentence in report.sentences():
        tell(answer, sentence)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"`--batch-size` must be a whole number, or several with commas between them; got {text!r}. Write "
                         "--batch-size 32, or 1,8,32,128.") from error
    return sizes
