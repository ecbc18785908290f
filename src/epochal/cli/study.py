"""`epochal study`: from the words on the command line to the comparison on the screen and the files in the study's folder."""

import json
import shlex
import sys
from functools import partial

import click

from ..base.errors import UsageError
from ..base.text import counted, rich_table
from ..base.validate import require
from ..records import dump, save
from ..report.study.tables import write_tables
from ..report.study.tutorial import fair_rows, sentences_of, tutorial_lines, what_changed
from ..report.study_live import StudyLive
from ..rules.study.design import designed
from ..tables import open_table
from .common import choose_backend, stops_as_an_interrupt, tell, terminal, writable_folder
from .plan import builder, rows_of

_WRITTEN = ("study.json", "contrasts.csv", "trainings.csv", "epochs.parquet", "report.html")
_STOPPING = "\nStopping, as soon as the trainings under way have ended their epoch …"
_FORMS = {"mlflow": "epochal[mlflow]", "tensorboard": "epochal[tensorboard]", "ray": "epochal[ray]"}


def run(*, data, target, group, time, task, model, backend, folder, as_json, wait, ray, mlflow, tensorboard, class_weight,
        **choices):
    """What `epochal study` does; the arguments are its options."""
    place = writable_folder(folder, "--folder")
    for name, wanted in (("mlflow", mlflow), ("tensorboard", tensorboard), ("ray", ray)):
        _require_extra(name, wanted)
    if tensorboard:
        writable_folder(tensorboard, "--tensorboard")
    if mlflow:
        from ..report.study.mlflow import reach

        reach(mlflow)
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    choose_backend(backend)
    from ..experiments import conduct
    from ..seam.model.metrics import rare_class_metric
    from ..seam.rigs.keras_rig import open_rig

    table = open_table(data, target=target, group=group, time=time, task=task, seed=choices["seed"])
    metric = choices["metric"].removeprefix("val_")
    build = builder(table, model, (metric,) if model is None and rare_class_metric(metric) is not None else ())
    data = rows_of(table, class_weight, choices["seed"])
    rig = open_rig(build, data)
    design = designed(rig.task, rig.present, **_read(choices))
    _announce(say, rig, design, place)
    try:
        with stops_as_an_interrupt(partial(tell, say, _STOPPING)), StudyLive(console=console) as live:
            found = conduct(rig, design, place, crew=_crew(ray, rig, build, data), watch=live.watch, wait=wait,
                            say=partial(tell, say))
    except KeyboardInterrupt:
        tell(say, f"\nStopped. What was finished is kept in {place}: the same command continues there.")
        sys.exit(130)
    _save(found, place)  # before a reader of the output may have gone away
    if as_json:
        click.echo(_for_machines(found, place))
    else:
        _print(answer, found)
    tell(say, f"\nWritten in {place}: {', '.join(_WRITTEN[:-1])} and {_WRITTEN[-1]}.")
    if mlflow:
        from ..report.study.mlflow import log_to_mlflow, speaking_of

        with speaking_of(mlflow):
            log_to_mlflow(found, mlflow)
        tell(say, f"Logged to MLflow at {mlflow}.")
    if tensorboard:
        from ..report.study.tensorboard import log_to_tensorboard

        try:
            log_to_tensorboard(found, tensorboard)
        except OSError as error:
            raise UsageError(f"`--tensorboard` must be a folder with room to write in; {tensorboard} is not "
                             f"({error.strerror or error}). The study is complete: the same command trains nothing again."
                             ) from error
        tell(say, f"Logged for TensorBoard: tensorboard --logdir {shlex.quote(tensorboard)}")


def _read(choices):
    """The command line's words as the arguments of `designed`."""
    def numbers(name, kind):
        try:
            return [kind(word) for word in choices[name].split(",")]
        except ValueError as error:
            raise UsageError(f"`--{name.replace('_', '-')}` must be numbers with commas between; got {choices[name]!r}. "
                             f"Pass --{name.replace('_', '-')} {'32,256,1024' if kind is int else '1e-4,1e-3,1e-2'}.") from error

    rates = choices["learning_rates"]
    return choices | {"batch_sizes": numbers("batch_sizes", int), "equal": tuple(choices["equal"].split(",")),
                      "learning_rates": rates if rates == "auto" else numbers("learning_rates", float)}


def _crew(address, rig, build, data):
    if address is None:
        return None
    from ..experiments.ray.crew import RayCrew

    return RayCrew(rig, build, data, address=address)


def _require_extra(name, wanted):
    from importlib.util import find_spec

    require(not wanted or find_spec(name) is not None, f"--{name}", wanted, f"used where {name} is installed",
            f"Install it with: pip install '{_FORMS[name]}'.")


def _announce(console, rig, design, place):
    console.print(f"\n{rig.task}", highlight=False, markup=False, style="bold")
    console.print(f"on {rig.machine}", highlight=False, markup=False, style="dim")
    for note in rig.task.notes:
        console.print(f"· {note}", highlight=False, markup=False)
    sizes = ", ".join(f"{size:,}" for size in design.batch_sizes)
    rates = ", ".join(f"{rate:.4g}" for rate in design.learning_rates) or "searched for each batch size, with as many trials"
    better = "more is better" if design.larger_is_better else "less is better"
    margin = "1 % of what training gains" if design.margin is None else f"{design.margin:.4g}"
    console.print(f"\nBatch sizes {sizes}; learning rates {rates}; compared at equal {', '.join(design.equal)} with "
                  f"{design.n_seeds} fresh seeds each.", highlight=False, markup=False)
    console.print(f"Declared beforehand: a difference in {design.metric} ({better}) below {margin} counts as none; the reference "
                  f"is batch size {design.reference:,}, {counted(design.epochs, 'epoch')}.", highlight=False, markup=False)
    tell(console, f"Ctrl-C stops, and keeps what is done in {place}.")


def _print(console, study):
    """The comparison; where the tutorial's protocol is part of it, first what the tutorial would print, and last what changes."""
    rows, found, changed = list(study.rows()), study.sentences(), ""
    if study.design.tutorial:
        console.print("\nAs the tutorial prints it, with one seed:", highlight=False)
        for line in tutorial_lines(study):
            tell(console, line)
        console.print(f"\nCompared fairly, with {study.design.n_seeds} fresh seeds and tuned learning rates:", highlight=False)
        rows, found, changed = list(fair_rows(study)), sentences_of(study, tutorial=False), what_changed(study)
    console.print()
    console.print(rich_table(rows))
    console.print()
    for sentence in found:
        tell(console, f"· {sentence}")
    if changed:
        tell(console, f"\n{changed}")


def _for_machines(study, place):
    record = json.loads(dump(study))["record"]
    del record["curves"]
    return json.dumps(record | {"folder": str(place)}, indent=2)


def _save(study, place):
    try:
        save(study, place / "study.json")
        write_tables(study, place)
        from ..report import write_report

        write_report(study, place / "report.html")
    except OSError as error:
        if error.errno is None:
            raise
        missing = [name for name in _WRITTEN if not (place / name).is_file()]
        raise UsageError(f"`--folder` must be a folder with room to write in; {place} is not ({error.strerror or error}). The "
                         f"study is complete, and every training is kept there; missing: {', '.join(missing) or 'nothing'}. Make "
                         "room, and run the same command again: it trains nothing anew.") from error
