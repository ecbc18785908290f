"""`epochal measure`: from the words on the command line to a line a measurement, with what it means."""

import shlex
from typing import Any

from rich.console import Console

from ..base.backends import choose_backend
from ..base.stop import Stopped
from ..base.system.place import locate
from ..base.text import RichTable
from ..records import Evidence, Plan
from ..report.measure import reading_rows, what_they_mean
from ..report.progress import ProgressDisplay, tell
from .plan import same_options, table_source
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_as_json, record_in, terminal, writable_file
from .terminal.stage import at


def run(options: dict[str, Any]) -> None:
    locate(options["data"])  # before libraries are loaded, which takes seconds
    path = None if options["out"] is None else writable_file(options["out"], (".json",))
    evidence = record_in(options["evidence"], "--evidence", (Plan, Evidence), "a plan.json or an evidence file")
    console, answer = terminal(stderr=True), terminal()
    as_json = options["as_json"]
    say = console if as_json else answer
    choose_backend(options["backend"])
    from ..services.measure import MeasureRequest, measure

    request = MeasureRequest(table_source(options), tuple(word.strip() for word in options["what"].split(",") if word.strip()),
                             options["price"], options["budget"], options["batch_size"], options["learning_rate"],
                             options["seed"], evidence=getattr(evidence, "evidence", evidence), out=path)
    progress = ProgressDisplay(console, sentences=say, stage=at)
    try:
        with stop_on_signals(progress.say) as stop:
            found = measure(request, progress=progress, stop=stop)
    except Stopped as stopped:
        if stopped.answer is not None:
            tell(say, "\nMeasured so far:")
            _show(stopped.answer, answer, as_json=as_json)
        tell(say, "\nStopped. " + ("With --out FILE.json what is finished is kept." if path is None else
                                   f"What is finished is kept in {stopped.kept}: the same command goes on there."))
        raise
    _show(found, answer, as_json=as_json)
    known = "" if path is None else f" --evidence {shlex.quote(str(path))}"
    tell(say, f"\nFor one recommendation: epochal plan {shlex.quote(options['data'])}{same_options(options)}{known}")
    if path is not None:
        tell(say, f"\nWritten: {path}")


def _show(found: Evidence, answer: Console, *, as_json: bool) -> None:
    if as_json:
        print(record_as_json(found, "curves"))
        return
    if found.task is not None:
        tell(answer, f"\n{found.task}\non {found.machine}")
        for note in found.task.notes:
            tell(answer, f"· {note}")
    answer.print()
    answer.print(RichTable(list(reading_rows(found))))
    for title, sentences in what_they_mean(found):
        answer.print(f"\n{title}", highlight=False, markup=False, style="bold")
        for sentence in sentences:
            answer.print(f"  {sentence}", highlight=False, markup=False)
