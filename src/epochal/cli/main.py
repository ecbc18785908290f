"""`epochal`: the commands and their options; each command imports what it needs when it runs."""

import sys
from functools import reduce

import click

from .. import __version__
from ..base.backends import BACKENDS
from ..base.errors import EpochalError
from ..base.stop import Stopped
from ..base.text import visible
from . import examples
from .terminal.interrupts import INTERRUPTED
from .terminal.streams import lost, streams
from .terminal.world import world_as_sentences

CANNOT = 2  # the exit status of what cannot be done as asked


class _Sentences(click.Group):
    """A group whose commands end with status 0; with 2 and a sentence for what cannot be done as asked; with 130 if interrupted."""

    def main(self, *arguments, **options):
        with streams() as (out, _):
            try:
                return super().main(*arguments, **options)
            except SystemExit as ended:
                out.flush()
                if not ended.code and (why := lost(out)):
                    click.echo(f"Error: the answer could not be printed ({why}). Files that the command writes are written: "
                               "print to another place.", err=True)
                    sys.exit(CANNOT)
                raise

    def invoke(self, ctx):
        try:
            with world_as_sentences():
                return super().invoke(ctx)
        except EpochalError as error:
            click.echo(visible(f"Error: {error}"), err=True)
            sys.exit(CANNOT)
        except Stopped:  # the command has said what is kept
            sys.exit(INTERRUPTED)
        except KeyboardInterrupt:  # before or after the work
            click.echo("\nStopped.", err=True)
            sys.exit(INTERRUPTED)


def _all_of(*options):
    """Several options as one decorator, in this order in `--help`."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


_written = (
    click.option("--dates", type=click.Choice(["day-first", "month-first"]),
                 help="What 01/02/2024 means.  [default: as the rows tell]"),
    click.option("--decimal", type=click.Choice([",", "."]), help="The sign before decimals.  [default: found out]"),
    click.option("--sep", "separator", metavar="SIGN", help="What separates values: ';', tab, blanks.  [default: found out]"),
    click.option("--encoding", metavar="NAME", help="Of the text.  [default: UTF-8, or else cp1252]"),
    click.option("--skip", type=click.IntRange(0), metavar="LINES", help="Lines before the columns' names.  [default: found out]"),
    click.option("--header/--no-header", "header", default=None,
                 help="Whether the first line names the columns.  [default: found out]"))
_table_options = (
    click.option("--target", metavar="COLUMN", help="Column to predict; needed for CSV and Parquet."),
    click.option("--groups", "--group", "groups", metavar="COLUMN",
                 help="Rows with the same value here stay in one part of the split."),
    click.option("--time", metavar="COLUMN", help="Train on the earliest rows by this column, test on the latest."),
    click.option("--task", type=click.Choice(["classes", "regression"]),
                 help="What the target is, where its numbers leave it open."),
    click.option("--drop", metavar="COLUMN", multiple=True, help="A column that is no feature; may be repeated, as the next two."),
    click.option("--keep", metavar="COLUMN", multiple=True,
                 help="A column to use as it stands: not left out for what it looks like, no number in it taken as missing."),
    click.option("--na", "missing", metavar="VALUE", multiple=True,
                 help="What stands for a missing value, beside empty cells; COLUMN=VALUE in one column alone."),
    click.option("--rare-classes", "rare", type=click.Choice(["drop", "merge"]),
                 help="Classes of fewer than 3 rows: leave them out, or make them one class.  [default: refuse them]"),
    click.option("--far-targets", "far", type=click.Choice(["drop"]),
                 help="Rows whose target is so far off that they alone decide the error: leave them out.  [default: tell of them]"),
    *_written,
    click.option("--model", metavar="FILE.py:FUNCTION", help="Function that returns a compiled Keras model; else the tutorials' "
                                                             "network (Dense 64, Dense 32, head, Adam)."))
_table = _all_of(click.argument("data"), *_table_options)
_backend = click.option("--backend", type=click.Choice(list(BACKENDS)),
                        help="Keras back end.  [default: KERAS_BACKEND, or jax]")
_class_weight = click.option("--class-weight", type=click.Choice(["balanced"]),
                             help="Let every class weigh the same in the training loss; judging is without weights.")
_METRICS = ("val_loss, a metric the model has, or (two classes, no --model) val_average_precision or "
            "val_recall_at_precision_0.9.")
_metric = click.option("--metric", help=f"By what settings are compared: {_METRICS}  [default: val_loss]")
_mode = click.option("--mode", type=click.Choice(["auto", "min", "max"]), default="auto", show_default=True,
                     help="Whether less or more of it is better; auto goes by its name.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON on standard output, for machines.")


@click.group(cls=_Sentences, epilog=examples.EVERY, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="epochal")
def main():
    """The right batch size, learning rate and number of epochs for a Keras model: measured, with intervals and reasons."""


@main.command(epilog=examples.PLAN)
@_table
@_backend
@_class_weight
@click.option("--batch-size", type=click.IntRange(1), help="What you train with now.  [default: 32, as in Keras]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
              help="What you train with now.  [default: the model's own]")
@click.option("--epochs", type=click.IntRange(1), help="What you train for now: then the time of whole trainings is told.")
@click.option("--fixed", type=click.Choice(["batch-size", "learning-rate", "epochs"]), multiple=True,
              help="What is to stay as it is now; with epochs, no training is longer than --epochs says.")
@click.option("--max-memory", help='What an update may take, such as "4 GB": larger batch sizes are not compared.')
@click.option("--max-time", help='What a whole training may take, such as "10 min": it limits the epochs.')
@click.option("--until", help='What a training is to reach, such as "val_accuracy>=0.95": who does, and soonest, is taken.')
@click.option("--trains-with", type=click.Choice(["keras", "epochal"]),
              help="Who will train, by whose seconds it is decided: Keras' own fit, or `epochal fit`.  [default: keras]")
@_metric
@_mode
@click.option("--goal", type=click.Choice(["fastest", "best", "frugal", "smallest"]), default="fastest", show_default=True,
              help="Among settings of equal quality: least time, none but quality, fewest examples, or least memory.")
@click.option("--budget", default="1 min", show_default=True, help='Time to spend measuring: "90 s", "2 min", "1 h"; or beside '
              '--epochs a share of your training: "10%".')
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the run repeatable.")
@click.option("--evidence", metavar="FILE", help="A plan.json or evidence file; nothing in it is measured twice.")
@click.option("--out", metavar="DIR", default=".", help="Where plan.json and report.html go.  [default: the current folder]")
@click.option("--columns", "only_columns", is_flag=True, help="Print what becomes of each column of the table, and stop.")
@click.option("--agenda", is_flag=True, help="Print what would be measured and how long it would take, and stop.")
@_json
def plan(**options):
    """Measure DATA and answer: batch size, learning rate, epochs, predict batch size.

    DATA is a table as text (CSV and the like) or Parquet, a folder with a folder of images or texts for each class, an .npz with
    x and y, or real data by name: digits, breast_cancer, wine, diabetes. It prints what it will measure and why, then the answer
    with its reasons and the code to paste, and writes plan.json and report.html.

    Ctrl-C keeps what was measured, and prints the answer so far: the same command continues there. Exit status 0; 2 with a
    sentence on what to mend; 130 if interrupted.
    """
    from .plan import run

    run(options)


@main.command(epilog=examples.FIT)
@_table
@_backend
@click.option("--plan", metavar="FILE", help="The plan.json of `epochal plan`: its numbers and its early stopping are used.")
@click.option("--batch-size", type=click.IntRange(1), help="Rows of a batch.  [default: the plan's; else 32]")
@click.option("--epochs", type=click.IntRange(1), help="Just so many, without early stopping.  [default: the plan's]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="[default: the plan's; else the model's own]")
@click.option("--goal", type=click.Choice(["fastest", "best", "frugal", "smallest"]),
              help="Where the numbers are planned first: as for `epochal plan`.  [default: fastest]")
@click.option("--budget", help="Where the numbers are planned first: the time to spend on it.  [default: a tenth of a training of "
              "10 to 100 epochs, 10 s to 1 min]")
@click.option("--metric", help=f"Where the numbers are planned first: by what. {_METRICS}  [default: val_loss]")
@_class_weight
@click.option("--batches", type=click.Choice(["shuffled", "stratified", "balanced"]), default="shuffled", show_default=True,
              help="Batches at random; each with its share of every class; or each with as many rows of every class.")
@click.option("--engine", metavar="NAME", default="auto", show_default=True,
              help="How the batches are run: auto measures it, keras is Keras' own fit.")
@click.option("--checkpoint", metavar="DIR", help="Keep the state here: after a kill the same command goes on.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the run repeatable.")
@click.option("--out", metavar="FILE.keras", required=True, help="Where the model goes; an older file is replaced.")
@_json
def fit(**options):
    """Train a Keras model on DATA and save it, with all that turns a table into its inputs, as one .keras file.

    DATA is a table as text (CSV and the like) or Parquet, a folder with a folder of images or texts for each class, an .npz with
    x and y, or real data by name: digits, breast_cancer, wine, diabetes. 64 % of the rows train, 16 % validate, 20 % are read
    once at the end. Where neither --plan nor --epochs is given, the numbers are measured first, as by `epochal plan`.

    Ctrl-C keeps the model as it is then beside --out. Exit status 0; 2 with a sentence on what to mend; 130 if interrupted.
    """
    from .fit import run

    run(options)


@main.command(epilog=examples.PREDICT)
@click.argument("model")
@click.argument("data")
@click.option("--out", metavar="FILE", required=True, help="Where the predictions go: a name in .parquet, .csv or .npz.")
@click.option("--batch-size", metavar="ROWS", default="auto", show_default=True, help="Rows of a batch; auto measures it.")
@click.option("--goal", type=click.Choice(["throughput", "latency", "memory"]), default="throughput", show_default=True,
              help="What the batch size is chosen for.")
@click.option("--correct-prior", is_flag=True,
              help="Where classes were balanced in training: probabilities for the shares they really had.")
@click.option("--model", "code", metavar="FILE.py:FUNCTION",
              help="Function that builds the model; needed where it has layers of your own.")
@click.option("--trust-model", is_flag=True, help="Let code in the file run (Lambda layers). Only where you trust its author.")
@_backend
@_all_of(*_written)
@_json
def predict(**options):
    """Write the answers of MODEL, a .keras file, for the rows of DATA, in their order.

    The columns of DATA are encoded as in training: columns in another order do not matter, missing ones are refused, others are
    left aside, and values never seen are counted and named. Columns that name the rows, and were left out in training, go along
    to --out. Where the target is known already, the answers are judged by it.

    No code in the file is run: what turns a table into inputs is plain data, and a Lambda layer needs --trust-model. Exit
    status 0, or 2 with a sentence.
    """
    from .predict import run

    run(options)


@main.command(epilog=examples.STUDY)
@_table
@_backend
@click.option("--batch-sizes", metavar="B,B,…", default="32,256,1024", show_default=True, help="What to compare.")
@click.option("--learning-rates", metavar="auto|R,R,…", default="auto", show_default=True,
              help="Tried at every batch size; auto widens a grid until the best lies inside.")
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True, help="What the reference batch size gets.")
@click.option("--seeds", type=click.IntRange(2), default=8, show_default=True, help="Fresh seeds for the comparison.")
@click.option("--trial-seeds", type=click.IntRange(1), default=3, show_default=True, help="Seeds to choose learning rates on.")
@click.option("--equal", metavar="BUDGET,…", default="epochs,steps,time", show_default=True,
              help="What batch sizes get alike: passes, updates, seconds of fit.")
@click.option("--metric", default="val_loss", show_default=True, help=f"What quality is: {_METRICS}")
@_class_weight
@_mode
@click.option("--margin", type=float, help="A difference that is too small to matter.  [default: 1 % of what training gains]")
@click.option("--reference", type=click.IntRange(1), help="The batch size others are compared with.  [default: 32, or the least]")
@click.option("--protocol", type=click.Choice(["fair", "tutorial"]), default="fair", show_default=True,
              help="tutorial adds the comparison as tutorials make it, beside the fair one.")
@click.option("--halving/--no-halving", default=True, show_default=True,
              help="Drop the worse half of the rates after a quarter of the examples, in the search alone.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the study repeatable.")
@click.option("--folder", metavar="DIR", default="study", show_default=True, help="Holds the study; there it is resumed.")
@click.option("--wait", is_flag=True, help="Wait where another process works on this folder, instead of refusing.")
@click.option("--ray", metavar="auto|ADDRESS", help="Train on a Ray cluster: auto starts or finds one here.")
@click.option("--mlflow", metavar="URI", help="Log the study to MLflow as well.")
@click.option("--tensorboard", metavar="DIR", help="Write it for TensorBoard as well.")
@_json
def study(**options):
    """Compare batch sizes fairly on DATA: the learning rate tuned for each, fresh seeds, equal epochs, updates and time.

    DATA is a table as text (CSV and the like) or Parquet, a folder with a folder of images or texts for each class, an .npz with
    x and y, or real data by name: digits, breast_cancer, wine, diabetes. 64 % of the rows train, 16 % validate, 20 % are read
    once at the end.

    Everything finished is in the folder at once: after Ctrl-C, or a crash, the same command continues there. Exit status 0; 2 with
    a sentence on what to mend; 130 if interrupted.
    """
    from .study import run

    run(options)


@main.command(epilog=examples.MEASURE)
@_table
@_backend
@_class_weight
@click.option("--what", metavar="WORDS", default="all", show_default=True,
              help="memory, throughput, noise_scale, critical_batch, learning_rate, sharpness, rare_class, batch_norm, predict, "
                   "accumulation; several with commas between them.")
@click.option("--price", type=click.Choice(["quick", "normal", "thorough"]), default="normal", show_default=True,
              help="What it may cost: under 20 s for small models, two minutes, or ten.")
@click.option("--budget", help='Time for all of it, about: "90 s", "5 min".  [default: as --price says]')
@click.option("--batch-size", type=click.IntRange(1), help="What you train with now.  [default: 32, as in Keras]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
              help="What you train with now.  [default: the model's own]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the draws repeatable.")
@click.option("--evidence", metavar="FILE", help="A plan.json or an evidence file; nothing in it is measured twice.")
@click.option("--out", metavar="FILE.json", help="Where the evidence goes, for --evidence of this command and of `epochal plan`.")
@_json
def measure(**options):
    """Measure single quantities of a model on DATA: each with its interval, what it means for batch size, learning rate or epochs,
    and what it does not mean.

    DATA is a table as text (CSV and the like) or Parquet, a folder with a folder of images or texts for each class, an .npz with
    x and y, or real data by name: digits, breast_cancer, wine, diabetes.

    What a measurement does in its own process (a crash, a lack of memory, an error in a layer) is told in its line, and the others
    go on. Ctrl-C prints what is finished. Exit status 0; 2 with a sentence on what to mend; 130 if interrupted.
    """
    from .measure import run

    run(options)


@main.command(epilog=examples.EPOCHS)
@click.argument("file")
@click.option("--batch-size", type=click.IntRange(1), help="Of the trainings to look at.  [default: the recommended setting's]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="The same.")
@_json
def epochs(**options):
    """How long to train and when to stop: rules of early stopping replayed on the trainings of a plan or a study.

    FILE is a plan.json, a study.json, or the folder of a study that has ended. Nothing is trained. It prints when each rule would
    have ended the trainings, what that gives away against the best epoch, and the epochs for a last training on all rows.

    Exit status 0; 2 with a sentence on what to mend.
    """
    from .epochs import run

    run(options)


@main.command(epilog=examples.DIAGNOSE)
@click.argument("history", metavar="FILE")
@click.option("--baseline", metavar="FILE", help="An earlier training to compare with, such as one with its labels shuffled.")
@click.option("--training", type=click.IntRange(0), metavar="N",
              help="Which training of a plan or study, from 0.  [default: the first of the setting that was chosen]")
@click.option("--batch-size", type=click.IntRange(1), help="What it was trained with, where the file does not say.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="What it was trained with.")
@click.option("--rows", type=click.IntRange(1), help="Rows that were trained on.")
@click.option("--validation-rows", type=click.IntRange(1), help="Rows that were validated on.")
@click.option("--epochs", type=click.IntRange(1), help="What was asked for, where early stopping may have ended it sooner.")
@click.option("--weighted", is_flag=True, help="It was trained with class_weight or sample_weight.")
@click.option("--data", metavar="DATA", help="The data: then what the curves suggest is tested with them. As for `epochal plan`.")
@_all_of(*_table_options)
@_backend
@_class_weight
@click.option("--budget", default="1 min", show_default=True, help="Time for the tests, about.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the tests repeatable.")
@click.option("--out", metavar="FILE.html", help="A page with the curves and the findings on them.")
@_json
def diagnose(**options):
    """What went wrong in a training, by its curves: FILE is a CSVLogger file, JSON of a Keras History, a folder of TensorBoard's
    events, a run of MLflow's (its folder, or URI#RUN_ID), or a plan.json or study folder of Epochal.

    It says what it found, where, how sure it is and what to do; what it looked for; and what it could not check. With --data the
    training is made again and tested: a minute, and on a copy of the model.

    Exit status 0, whatever was found; 2 with a sentence on what to mend; 130 if interrupted.
    """
    from .diagnose import run

    run(options)


@main.command(epilog=examples.CHECK)
@click.argument("paths", nargs=-1)
@click.option("--select", metavar="KIND,KIND,…", default="", help="Look for these alone.  [default: all that --kinds lists]")
@click.option("--ignore", metavar="KIND,KIND,…", default="", help="Do not look for these.")
@click.option("--sarif", metavar="FILE", help="Write the findings as SARIF 2.1.0 as well, as code hosts read it.")
@click.option("--kinds", is_flag=True, help="Print what is looked for, with an example of each, and stop.")
@_json
def check(**options):
    """Read scripts and notebooks, and say what in them leads to wrong or misleading results. Nothing of them is run.

    PATHS are scripts (.py), notebooks (.ipynb) or folders with them. A comment `# epochal: ignore` or `# epochal: ignore[kind]`
    leaves out what is found on its line. Where it is not known what the code works on, nothing is said.

    Exit status 0 where nothing is found; 1 where something is; 2 with a sentence where a file cannot be read (the others are
    checked all the same).
    """
    from .check import run

    run(options)


@main.command(epilog=examples.STREAM)
@click.argument("source")
@click.option("--target", metavar="COLUMN", help="Column to predict; needed unless --show-offset is given.")
@click.option("--classes", metavar="A,B,…", help="All classes that there will be.  [default: those of the first 500 rows]")
@click.option("--task", type=click.Choice(["classes", "regression"]), help="What the target is, where its numbers leave it open.")
@click.option("--batch-size", metavar="ROWS", default="32", show_default=True,
              help="Rows after which the model learns; several with commas between them are compared on the same rows.")
@click.option("--fading", type=click.FloatRange(0, 1, min_open=True), default=0.999, show_default=True,
              help="What a row counts in the faded means when the next one has come.")
@click.option("--replay", type=click.IntRange(0), metavar="ROWS", default=0, show_default=True,
              help="Learn once more from rows drawn from a buffer of the latest ones, beside each batch.")
@click.option("--drift/--no-drift", default=True, show_default=True, help="Tell where errors rise by more than chance (river).")
@click.option("--checkpoint", metavar="DIR", help="Keep the state here: after a kill the same command goes on.")
@click.option("--starts-at", type=click.IntRange(0), metavar="ROW",
              help="Which row of the stream, from 0, SOURCE begins with.  [default: 0; for - and a topic, the one it goes on with]")
@click.option("--show-offset", is_flag=True, help="Print how many rows --checkpoint need not be sent again, and stop.")
@click.option("--drop", metavar="COLUMN", multiple=True, help="A column that is no feature; may be repeated, as the next two.")
@click.option("--keep", metavar="COLUMN", multiple=True, help="A column to use as it stands, whatever it looks like.")
@click.option("--na", "missing", metavar="VALUE", multiple=True, help="What stands for a missing value, beside empty cells.")
@_all_of(*_written)
@click.option("--model", metavar="FILE.py:FUNCTION", help="Function that returns a compiled Keras model; else the tutorials' "
                                                          "network (Dense 64, Dense 32, head, Adam).")
@_backend
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the run repeatable.")
@click.option("--out", metavar="FILE.keras", help="Where the model goes when the source ends, or at Ctrl-C.")
@click.option("--report", "page", metavar="FILE.html", help="Where a page with the curve and the alarms goes.")
@_json
def stream(**options):
    """Train on rows that keep arriving: each is answered first, judged, and only then learned from.

    SOURCE is a file of CSV or JSON lines, - for standard input, or kafka://HOST:PORT/TOPIC with JSON objects. Columns are encoded
    as the first 500 rows say. It tells loss and accuracy of the answers with older ones fading, alarms of drift, how several batch
    sizes compare on the same rows, and whether rows arrive faster than they are learned from. Rows that cannot be read are counted,
    the first are named, and they are left out.

    Ctrl-C prints the answer so far; with --checkpoint the same command goes on there. Exit status 0; 2 with a sentence on what to
    mend; 130 if interrupted.
    """
    from .stream import run

    run(options)
