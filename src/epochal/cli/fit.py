"""`epochal fit`: train a model on a table with planned or given numbers, and save it with its encoding in one file."""

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..base.backends import choose_backend
from ..base.stop import Stopped
from ..base.system.place import locate
from ..base.text import RichTable, counted, quantity
from ..base.validate import require
from ..records import Plan
from ..report.progress import ProgressDisplay, tell
from .plan import table_source
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_in, strict_json, terminal, values_of, warnings_as_sentences, writable_file
from .terminal.stage import at

_ASKED = ("batch_size", "epochs", "learning_rate", "goal", "budget", "batches", "engine", "checkpoint", "seed")


def run(options: dict[str, Any]) -> None:
    path, as_json = writable_file(options["out"], (".keras",)), options["as_json"]
    locate(options["data"])
    plan = record_in(options["plan"], "--plan", Plan, "a plan.json")
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    choose_backend(options["backend"])
    from ..services.fit import TableFitRequest, fit_table

    metric = options["metric"]
    if plan is not None and plan.evidence.task is not None and plan.evidence.task.decides != "loss":
        require(metric is None, "--metric", metric, "left out beside --plan", "The plan says by what it was made.")
        metric = plan.evidence.task.decides
    request = TableFitRequest(table_source(options | {"metric": metric}), path, plan, options["plan"],
                              verbose=1 if say.is_terminal else 2, **{name: options[name] for name in _ASKED})
    progress = ProgressDisplay(console, sentences=say, agenda=True, stage=at)
    try:
        with stop_on_signals(progress.say) as stop, warnings_as_sentences(say), \
                redirect_stdout(sys.stderr) if as_json else nullcontext():
            found = fit_table(request, progress=progress, stop=stop)
    except Stopped as stopped:
        if stopped.answer is not None:
            tell(say, f"\nThe answer so far: {stopped.answer.headline}")
        tell(say, f"\n{stopped.kept}")
        raise
    if as_json:
        click.echo(_for_machines(path, found))
    else:
        _print_results(answer, found, plan)
    new = "FOLDER" if found.table.files else "NEW.npz" if found.table.encoder is None and not found.table.words else "NEW.csv"
    correct = " --correct-prior" if found.corrects else ""
    tell(say, f"Written: {path} (for new rows: epochal predict {path} {new}{correct} --out predictions.parquet)")
    if found.corrects:
        tell(say, "--correct-prior turns its probabilities, too high for rare classes since classes weighed alike, back to the "
                  "shares of the data.")


def _print_results(console: Console, found: Any, plan: Plan | None) -> None:
    n_epochs = len(found.history.epoch)
    early = ", ended by early stopping" if n_epochs < found.settings.epochs else ""
    if found.best is not None:
        early += f"; the weights are those of epoch {found.best[1]}, which has the best {found.best[0]}"
    timed = plan is not None and plan.whole and plan.seconds is not None and plan.evidence.trains_with == "keras"
    theirs = f" (Keras' own `fit`, says the plan: {plan.seconds.least}{plan.seconds.total})" if timed else ""
    judged = ", ".join(f"{name} {value:.4g}" for name, value in found.on_test.items())
    tell(console, f"\nTrained for {counted(n_epochs, 'epoch')} in {quantity('s', found.seconds)}{theirs}{early}.\n"
         f"On the test rows, used for nothing else: {judged}\n")
    if found.scores is not None:
        from ..tables.score import advice_on, score_rows

        console.print(RichTable(list(score_rows(found.scores, where="on the test rows"))))
        if advice := advice_on(found.scores):
            tell(console, advice)


def _for_machines(path: Path, found: Any) -> str:
    history, settings, table = found.history, found.settings, found.table
    resolved = {name: value for name, value in history.params.items() if isinstance(value, (str, int, float, bool, list, tuple))}
    last = {name: values[-1] for name, values in history.history.items() if values}
    return strict_json({"model": str(path), "kind": table.kind, "classes": list(table.classes), "source": settings.because,
                        "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "epochs": settings.epochs,
                        "epochs_trained": len(history.epoch), "seconds": found.seconds,
                        "resolved": resolved, "last_epoch": last, "test": found.on_test,
                        "scores": values_of(found.scores), "notes": list(table.notes)})
