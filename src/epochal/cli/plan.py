"""`epochal plan`: from the words on the command line to the answer on the screen and the files beside it."""

import json
import pathlib
import shlex
import sys
from dataclasses import replace
from functools import partial

import click

from ..base.budget import seconds_of
from ..base.errors import UsageError
from ..base.text import counted, duration, rich_table
from ..base.validate import require
from ..probes.agenda import agenda
from ..records import Evidence, Plan, dump, read, save
from ..report import write_report
from ..report.live import Live
from ..rules.plan.decide import decide
from ..rules.training.prior import balanced_weights
from ..tables import open_table
from ..tables.encoding import class_shares
from .common import choose_backend, stops_as_an_interrupt, tell, terminal, writable_folder


def run(*, data, target, group, time, task, model, backend, class_weight, goal, budget, seed, evidence, out, agenda, as_json):
    """What `epochal plan` does; the arguments are its options."""
    seconds, folder = seconds_of(budget), pathlib.Path(out) if agenda else writable_folder(out)
    known = None if evidence is None else _evidence(evidence)
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    choose_backend(backend)

    from ..seam.rigs.keras_rig import open_rig

    table = open_table(data, target=target, group=group, time=time, task=task, seed=seed)
    rig = open_rig(builder(table, model), rows_of(table, class_weight, seed))
    known, journal = announced(rig, known, seconds, folder, say)
    if agenda:
        return
    answered = decide(measured(rig, known, seconds, seed, journal, console, say), goal=goal)
    if as_json:
        click.echo(_for_machines(answered, folder))
    else:
        _print_answer(answer, answered)
    _save(answered, folder, journal, say)
    options = {"--target": target, "--group": group, "--time": time, "--task": task, "--model": model, "--backend": backend,
               "--class-weight": class_weight}
    same = "".join(f" {name} {shlex.quote(value)}" for name, value in options.items() if value)
    tell(say, f"To train with it: epochal fit {shlex.quote(data)}{same} --plan {shlex.quote(str(folder / 'plan.json'))} "
              "--out model.keras")


def builder(table, model, also=()):
    """The function that builds the model: the user's own, or the tutorials' network for this table, with further metrics."""
    from ..seam.model.network import network_from_file, tutorial_network

    return network_from_file(model) if model else tutorial_network(table.x_train.shape[1:], table.kind,
                                                                         len(table.classes), also)


def rows_of(table, class_weight, seed):
    """The rows of a table as a rig holds them, those to train on weighed by their classes where that is asked for."""
    from ..seam.model.network import data_of
    from ..training.feeds.cast import weighed

    data = data_of(table, seed=seed)
    if class_weight is None:
        return data
    shares = class_shares(table)
    require(shares, "--class-weight", class_weight, "left out for a target of numbers", "It needs classes.")
    note = "In the training loss every class weighs the same; judging is without weights."
    return replace(data, train=weighed(data.train, balanced_weights(shares)), notes=(*data.notes, note))


def announced(rig, known, seconds, folder, say):
    """What is known already, and the journal, once the agenda has been printed."""
    from ..services import Journal

    journal = Journal(folder, f"{rig.task.fingerprint}-{rig.machine.backend}", partial(tell, say))
    if known is None and (known := journal.left_over()) is not None:
        tell(say, f"Continuing: {_counted(known)} from an earlier run that did not end ({journal.path.name}).")
    known = (known or Evidence()).about(rig.task, rig.machine, rig.present)
    _print_agenda(say, rig, known, seconds)
    return known, journal


def _print_agenda(console, rig, known, seconds):
    items = agenda(rig.task, rig.present, known, seconds)
    console.print(f"\n{rig.task}", highlight=False, markup=False, style="bold")
    console.print(f"on {rig.machine}", highlight=False, markup=False, style="dim")
    for note in rig.task.notes:
        console.print(f"· {note}", highlight=False, markup=False)
    if not items:
        console.print("\nEverything is known already; nothing will be measured.")
        return
    total = sum(item.seconds for item in items)
    console.print(f"\nTo be measured, in about {duration(total)} (Ctrl-C stops, and keeps what is done):")
    console.print(rich_table([("measurement", "what", "why", "about"),
                              *((item.name, item.what, item.why, duration(item.seconds)) for item in items)]))


def measured(rig, known, seconds, seed, journal, console, say):
    """The evidence, every finished measurement of which is in the journal before the next begins."""
    from ..services import measure

    try:
        with stops_as_an_interrupt(), Live(agenda(rig.task, rig.present, known, seconds), console=console) as live:
            return measure(rig, budget=seconds, evidence=known, seed=seed, keep=journal.keep, watch=live.watch)
    except KeyboardInterrupt:
        kept = f"{_counted(journal.latest)} are kept in {journal.path}" if journal.latest else "Nothing new was measured yet"
        tell(say, f"\nStopped. {kept}: the same command continues there.")
        sys.exit(130)


def _print_answer(console, plan):
    console.print(f"\n{plan.headline}\n", highlight=False, markup=False, style="bold")
    console.print(rich_table(list(plan.rows())))
    if times := list(plan.time_rows()):
        console.print()
        console.print(rich_table(times))
    console.print("\nCompared with fresh seeds, the same for all:", highlight=False)
    console.print(rich_table(list(plan.arm_rows())))
    console.print()
    for sentence in plan.sentences():
        console.print(sentence, highlight=False, markup=False)
    console.print("\nDetails:", highlight=False)
    console.print(rich_table(list(plan.detail_rows())))
    console.print("\nTo paste into a Keras script:\n")
    console.print(plan.code(), highlight=False, markup=False, soft_wrap=True)


def _for_machines(plan, folder):
    record = json.loads(dump(plan))["record"]
    del record["evidence"]
    return json.dumps(record | {"plan": str(folder / "plan.json"), "report": str(folder / "report.html")}, indent=2)


def _save(plan, folder, journal, say):
    try:
        save(plan, folder / "plan.json")
        write_report(plan, folder / "report.html")
    except OSError as error:
        if error.errno is None:  # not the disk: Jinja's missing template is an OSError too
            raise
        raise UsageError(f"`--out` must be a folder with room to write in; {folder} is not ({error.strerror}). Name another one; "
                         f"what was measured is in {journal.path} if that could be written.") from error
    journal.ended()
    tell(say, f"Written: {folder / 'plan.json'} and {folder / 'report.html'}")





def _evidence(path):
    try:
        found = read(path)
    except UsageError as error:
        raise UsageError(f"`--evidence` must be a plan.json or an evidence file; got {path!r}. {error}") from error
    if isinstance(found, Plan):
        found = found.evidence
    require(isinstance(found, Evidence), "--evidence", type(found).__name__, "a file with a plan or an evidence", "Pass plan.json.")
    return found


def _counted(evidence):
    return f"{counted(len(evidence.readings), 'measurement')} and {counted(len(evidence.curves), 'training')}"
