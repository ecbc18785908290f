"""`epochal`: the commands and their options; each command imports what it needs when it runs."""

import sys

import click

from .. import __version__
from ..base.errors import EpochalError

_EXAMPLES = """\b
Examples:
  epochal plan digits
  epochal plan customers.csv --target churned --group customer_id
  epochal plan images.npz --model my_model.py:build --budget "5 min"
  epochal plan sales.parquet --target amount --time day --goal best"""


class _Sentences(click.Group):
    """A group whose errors are one sentence and exit status 2, as the package's own errors promise."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except EpochalError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:  # before or after measuring; while measuring, more can be said
            click.echo("\nStopped.", err=True)
            sys.exit(130)


@click.group(cls=_Sentences, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="epochal")
def main():
    """The right batch size, learning rate and number of epochs for a Keras model: measured, with intervals and reasons."""


@main.command(epilog=_EXAMPLES)
@click.argument("data")
@click.option("--target", metavar="COLUMN", help="Column to predict; needed for CSV and Parquet.")
@click.option("--group", metavar="COLUMN", help="Rows with the same value here stay in one part of the split.")
@click.option("--time", metavar="COLUMN", help="Train on the earliest rows by this column, test on the latest.")
@click.option("--task", type=click.Choice(["classes", "regression"]),
              help="What the target is, where its numbers leave it open.")
@click.option("--model", metavar="FILE.py:FUNCTION",
              help="Function that returns a compiled Keras model; else the tutorials' network (Dense 64, Dense 32, head, Adam).")
@click.option("--backend", type=click.Choice(["jax", "tensorflow", "torch"]),
              help="Keras back end.  [default: KERAS_BACKEND, or jax]")
@click.option("--goal", type=click.Choice(["fastest", "best", "frugal", "smallest"]), default="fastest", show_default=True,
              help="Among settings of equal quality: least time, none but quality, fewest examples, or least memory.")
@click.option("--budget", default="1 min", show_default=True, help='Time to spend measuring: "90 s", "2 min", "1 h".')
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Makes the run repeatable.")
@click.option("--evidence", metavar="FILE", help="A plan.json or evidence file; nothing in it is measured twice.")
@click.option("--out", metavar="DIR", default=".", help="Where plan.json and report.html go.  [default: the current folder]")
@click.option("--agenda", is_flag=True, help="Print what would be measured and how long it would take, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON on standard output, for machines.")
def plan(**options):
    """Measure DATA and answer: batch size, learning rate, epochs, predict batch size.

    DATA is a CSV or Parquet file, an .npz with x and y, or real data by name: digits, breast_cancer, wine, diabetes. It prints
    what it will measure and why, then the answer with its reasons and the code to paste, and writes plan.json and report.html.

    Ctrl-C keeps what was measured: the same command continues there. Exit status 0, or 2 with a sentence on what to mend.
    """
    from .plan import run

    run(**options)
