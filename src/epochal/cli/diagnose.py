"""`epochal diagnose`: from a file with a training's curves to what went wrong in it."""

from typing import Any

from rich.console import Console

from ..base.files import no_room
from ..base.stop import Stopped
from ..base.system.place import locate
from ..base.validate import require
from ..records import Diagnosis
from ..report.diagnosis import write_diagnosis
from ..report.progress import ProgressDisplay, tell
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_as_json, terminal, writable_file
from .terminal.stage import at

_SAID = ("batch_size", "learning_rate", "n_rows", "n_validation", "planned_epochs", "class_weighted")


def run(options: dict[str, Any]) -> None:
    console, answer = terminal(stderr=True), terminal()
    as_json = options["as_json"]
    say = console if as_json else answer
    page = None if options["out"] is None else writable_file(options["out"], (".html",))
    source, options["n_validation"] = None, options.pop("validation_rows")
    options["n_rows"], options["planned_epochs"] = options.pop("rows"), options.pop("epochs")
    options["class_weighted"] = options.pop("weighted") or None
    if options["data"] is not None:
        from ..base.backends import choose_backend
        from .plan import table_source

        locate(options["data"])
        choose_backend(options["backend"])
        source = table_source(options)
    else:
        for name in ("target", "model", "groups", "time"):
            require(options[name] is None, f"--{name}", options[name], "given with --data", "Name the data, or leave it out.")
    from ..services.diagnose import DiagnoseRequest, diagnose

    request = DiagnoseRequest(options["history"], options["baseline"], {name: options[name] for name in _SAID}, source,
                              options["training"], options["budget"], options["seed"])
    progress = ProgressDisplay(console, sentences=say, stage=at)
    try:
        with stop_on_signals(progress.say) as stop:
            found = diagnose(request, progress=progress, stop=stop)
    except Stopped:
        tell(say, "\nStopped. Nothing was written; without --data the curves alone are read, at once.")
        raise
    if page is not None:
        try:
            write_diagnosis(found, page)
        except OSError as error:
            raise no_room("--out", page, error) from error
    _show(found, answer, as_json=as_json)
    if page is not None:
        tell(say, f"\nWritten: {page}")


def _show(found: Diagnosis, answer: Console, *, as_json: bool) -> None:
    if as_json:
        print(record_as_json(found))
        return
    answer.print(found.headline, highlight=False, markup=False, style="bold")
    answer.print(f"({found.history})\n", highlight=False, markup=False)
    for name, sentence in found.sentences():
        answer.print(f"{name}: {sentence}", highlight=False, markup=False)
