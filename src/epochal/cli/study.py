"""`epochal study`: from the words on the command line to the comparison on the screen and the files in the study's folder."""

import importlib.util
import shlex
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..base.backends import choose_backend
from ..base.errors import UsageError
from ..base.files import no_room
from ..base.stop import Stopped
from ..base.system.place import locate
from ..base.text import RichTable, listed
from ..base.validate import require
from ..records import Study, save
from ..report import write_report
from ..report.progress import ProgressDisplay, tell
from ..report.study.mlflow import log_to_mlflow, reach, speaking_of
from ..report.study.tables import write_tables
from ..report.study.tensorboard import log_to_tensorboard
from ..report.study.tutorial import fair_rows, sentences_of, tutorial_lines, what_changed
from .plan import table_source
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_as_json, terminal, writable_folder
from .terminal.stage import at

_WRITTEN = ("study.json", "contrasts.csv", "trainings.csv", "epochs.parquet", "report.html")
_CHOICES = ("seeds", "epochs", "metric", "mode", "margin", "reference", "protocol", "trial_seeds", "halving", "seed")


def run(options: dict[str, Any]) -> None:
    locate(options["data"])
    place, mlflow, tensorboard = writable_folder(options["folder"], "--folder"), options["mlflow"], options["tensorboard"]
    for name in ("mlflow", "tensorboard", "ray"):
        require(not options[name] or importlib.util.find_spec(name) is not None, f"--{name}", options[name],
                f"used where {name} is installed", f"Install it with: pip install 'epochal[{name}]'.")
    if tensorboard:
        writable_folder(tensorboard, "--tensorboard")
    if mlflow:
        reach(mlflow)
    console, answer = terminal(stderr=True), terminal()
    say = console if options["as_json"] else answer
    choose_backend(options["backend"])
    from ..rules.study.design import Choices
    from ..services.study import StudyRequest, study

    choices = Choices(**{name: options[name] for name in _CHOICES}, **_lists(options))
    request = StudyRequest(table_source(options), choices, folder=place, ray=options["ray"], wait=options["wait"])
    progress = ProgressDisplay(console, sentences=say, agenda=True, stage=at)
    try:
        with stop_on_signals(progress.say) as stop:
            found = study(request, progress=progress, stop=stop)
    except Stopped as stopped:
        if stopped.answer is not None:
            tell(say, "\nThe answer so far:")
            _show(stopped.answer, place, answer, say, as_json=options["as_json"])
        tell(say, f"\nStopped. What was finished is kept in {place}: the same command continues there.")
        raise
    _show(found, place, answer, say, as_json=options["as_json"])
    if mlflow:
        with speaking_of(mlflow):
            log_to_mlflow(found, mlflow)
        tell(say, f"Logged to MLflow at {mlflow}.")
    if tensorboard:
        try:
            log_to_tensorboard(found, tensorboard)
        except OSError as error:
            raise no_room("--tensorboard", tensorboard, error,
                          "The study is complete: the same command trains nothing again.") from error
        tell(say, f"Logged for TensorBoard: tensorboard --logdir {shlex.quote(tensorboard)}")


def _lists(options: dict[str, Any]) -> dict[str, Any]:
    """The options that are lists, as Python has them."""
    def numbers(name, kind, example):
        option = f"--{name.replace('_', '-')}"
        try:
            return [kind(word) for word in options[name].split(",")]
        except ValueError as error:
            raise UsageError(f"`{option}` must be numbers with commas between; got {options[name]!r}. Pass {option} {example}."
                             ) from error

    rates = options["learning_rates"]
    return {"batch_sizes": numbers("batch_sizes", int, "32,256,1024"), "equal": tuple(options["equal"].split(",")),
            "learning_rates": rates if rates == "auto" else numbers("learning_rates", float, "1e-4,1e-3,1e-2")}


def _show(study: Study, place: Path, answer: Console, say: Console, *, as_json: bool) -> None:
    """The files, before a reader of the output may have gone away, and the comparison on the screen."""
    _save(study, place)
    if as_json:
        click.echo(record_as_json(study, "curves", folder=str(place)))
    else:
        _print(answer, study)
    tell(say, f"\nWritten in {place}: {listed(_WRITTEN)}.")


def _print(console: Console, study: Study) -> None:
    """The comparison; where the tutorial's protocol is part of it, first what the tutorial would print, and last what changes."""
    rows, found, changed = list(study.rows()), study.sentences(), ""
    if study.design.tutorial:
        console.print("\nAs the tutorial prints it, with one seed:", highlight=False)
        for line in tutorial_lines(study):
            tell(console, line)
        console.print(f"\nCompared fairly, with {study.design.n_seeds} fresh seeds and tuned learning rates:", highlight=False)
        rows, found, changed = list(fair_rows(study)), sentences_of(study, tutorial=False), what_changed(study)
    console.print(f"\n{study.headline}\n", highlight=False, markup=False, style="bold")
    console.print(RichTable(rows))
    console.print()
    for sentence in found:
        tell(console, f"· {sentence}")
    if changed:
        tell(console, f"\n{changed}")


def _save(study: Study, place: Path) -> None:
    try:
        save(study, place / "study.json")
        write_tables(study, place)
        write_report(study, place / "report.html")
    except OSError as error:
        missing = [name for name in _WRITTEN if not (place / name).is_file()]
        raise no_room("--folder", place, error, f"Every training is kept there; missing: {', '.join(missing) or 'nothing'}. Make "
                      "room, and run the same command again: it trains nothing anew.") from error
