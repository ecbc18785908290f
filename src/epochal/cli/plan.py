"""`epochal plan`: from the words on the command line to the answer on the screen and the files beside it."""

import shlex
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..base.backends import choose_backend
from ..base.files import no_room
from ..base.stop import Stopped
from ..base.system.place import locate
from ..base.text import RichTable
from ..records import Evidence, Plan
from ..report import write_report
from ..report.columns import column_rows
from ..report.measure import reading_rows
from ..report.progress import ProgressDisplay, print_agenda, tell
from .terminal.interrupts import stop_on_signals
from .terminal.output import record_as_json, record_in, strict_json, terminal, writable_folder
from .terminal.stage import at


def run(options: dict[str, Any]) -> None:
    only_agenda, as_json = options["agenda"], options["as_json"]
    locate(options["data"])  # before libraries are loaded, which takes seconds
    if options["only_columns"]:
        print_columns(options)
        return
    folder = Path(options["out"]) if only_agenda else writable_folder(options["out"])
    evidence = record_in(options["evidence"], "--evidence", (Plan, Evidence), "a plan.json or an evidence file")
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    choose_backend(options["backend"])
    from ..services.plan import PlanRequest, agenda_of, plan

    request = PlanRequest(table_source(options), goal=options["goal"], budget=options["budget"], evidence=evidence,
                          seed=options["seed"], out=folder / "plan.json", batch_size=options["batch_size"],
                          learning_rate=options["learning_rate"], epochs=options["epochs"],
                          fixed=tuple(name.replace("-", "_") for name in options["fixed"]), trains_with=options["trains_with"],
                          max_memory=options["max_memory"], max_time=options["max_time"], until=options["until"],
                          metric=options["metric"], mode=options["mode"])
    progress = ProgressDisplay(console, sentences=say, agenda=True, stage=at)
    if only_agenda:
        print_agenda(say, agenda_of(request, progress))
        return
    try:
        with stop_on_signals(progress.say) as stop:
            found = plan(request, progress=progress, stop=stop)
    except Stopped as stopped:
        if stopped.answer is not None:
            tell(say, "\nThe answer so far:")
            _show(stopped.answer, folder, answer, say, as_json=as_json)
        tell(say, f"\nStopped. {stopped.kept or 'Nothing new was measured yet'}: the same command continues there.")
        raise
    _show(found, folder, answer, say, as_json=as_json)
    tell(say, f"To train with it: epochal fit {shlex.quote(options['data'])}{same_options(options)} --plan "
              f"{shlex.quote(str(folder / 'plan.json'))} "
              "--out model.keras")
    if found.whole:
        tell(say, f"When to stop, and how long to train on all rows: epochal epochs {shlex.quote(str(folder / 'plan.json'))}")


def same_options(options):
    """The options that say which table and model it is, for a command that is to use the same."""
    named = {"--target": "target", "--groups": "groups", "--time": "time", "--task": "task", "--drop": "drop", "--keep": "keep",
             "--na": "missing", "--rare-classes": "rare", "--far-targets": "far", "--dates": "dates", "--decimal": "decimal",
             "--sep": "separator", "--encoding": "encoding", "--skip": "skip", "--model": "model", "--backend": "backend",
             "--class-weight": "class_weight"}
    given = [(option, one) for option, name in named.items() if options[name] not in (None, ())
             for one in (options[name] if isinstance(options[name], tuple) else (options[name],))]
    header = {True: " --header", False: " --no-header"}.get(options["header"], "")
    return "".join(f" {option} {shlex.quote(str(one))}" for option, one in given) + header


def table_source(options: dict[str, Any]) -> Any:
    """The table and the model that the options name; Keras' back end must have been chosen."""
    from ..services.source import TableSource

    return TableSource(options["data"], **{name: options[name] for name in ("target", "groups", "time", "task", "model",
                                                                            "class_weight")},
                       options=table_options(options), metric=options.get("metric") or "")


def table_options(options: dict[str, Any]) -> Any:
    """How a table is to be read, as the options say."""
    from ..tables.options import TableOptions

    return TableOptions(**{field.name: options[field.name] for field in fields(TableOptions) if field.name in options})


def print_columns(options: dict[str, Any]) -> None:
    """What becomes of each column of the table."""
    from ..tables import open_table

    table = open_table(options["data"], **{name: options[name] for name in ("target", "groups", "time", "task")},
                       options=replace(table_options(options), standardise=options["model"] is None))
    if options["as_json"]:
        click.echo(strict_json({"columns": [asdict(column) for column in table.columns], "notes": list(table.notes)}))
        return
    say = terminal()
    for note in table.notes:
        tell(say, f"· {note}")
    if table.columns:
        say.print()
        say.print(RichTable(list(column_rows(table.columns))))


def _show(plan: Plan, folder: Path, answer: Console, say: Console, *, as_json: bool) -> None:
    """The report beside the plan, before a reader of the output may have gone away, and the answer on the screen."""
    try:
        write_report(plan, folder / "report.html")
    except OSError as error:
        raise no_room("--out", folder, error) from error
    if as_json:
        click.echo(record_as_json(plan, "evidence", plan=str(folder / "plan.json"), report=str(folder / "report.html")))
    else:
        _print_answer(answer, plan)
    tell(say, f"Written: {folder / 'plan.json'} and {folder / 'report.html'}")


def _print_answer(console: Console, plan: Plan) -> None:
    console.print(f"\n{plan.headline}\n", highlight=False, markup=False, style="bold")
    console.print(RichTable(list(plan.rows())))
    if times := list(plan.time_rows()):
        console.print()
        console.print(RichTable(times))
    if plan.arms:
        console.print(f"\n{plan.how_compared()}", highlight=False)
        console.print(RichTable(list(plan.arm_rows())))
    if leads := list(plan.lead_rows()):
        console.print(f"\nThe one ahead against {plan.evidence.whose}:", highlight=False)
        console.print(RichTable(leads))
    console.print()
    for name, sentence in plan.sentences():
        console.print(f"{name}: {sentence}", highlight=False, markup=False)
    if plan.ceilings:
        console.print("\nBounds of the batch size:", highlight=False)
        console.print(RichTable(list(plan.ceiling_rows())))
    if details := list(plan.detail_rows()):
        console.print("\nDetails:", highlight=False)
        console.print(RichTable(details))
    if plan.evidence.readings:
        console.print("\nMeasured:", highlight=False)
        console.print(RichTable(list(reading_rows(plan.evidence))))
    console.print("\nTo paste into a Keras script:\n")
    console.print(plan.code(), highlight=False, markup=False, soft_wrap=True)
