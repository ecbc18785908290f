"""What several commands do alike: settle the back end, say things, make sure of the files, turn a signal into an interrupt."""

import json
import math
import os
import pathlib
import signal
import warnings
from contextlib import contextmanager

from rich.console import Console

from ..base.backends import BACKENDS, installed
from ..base.errors import Advice, UsageError
from ..base.validate import one_of, require

_PAGE = 110  # characters, where the output goes to a file


def choose_backend(name):
    """Settle Keras' back end before Keras is first imported."""
    came, name = "--backend" if name else "KERAS_BACKEND", name or os.environ.get("KERAS_BACKEND") or "jax"
    one_of(came, name, BACKENDS, "Pass --backend jax.")
    require(name in installed(), came, name, "an installed back end", f"Install it with: {BACKENDS[name].command}.")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def tell(console, sentence):
    """A sentence with a user's own names in it, on one line however long, so that a path can be copied."""
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def terminal(*, stderr=False):
    """A console as wide as the terminal, or wide enough for the tables where there is none."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_PAGE)


def writable_folder(out, option="--out"):
    """The folder that an option names, made where it does not exist."""
    folder = pathlib.Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"`{option}` must be a folder; got {out!r} ({error.strerror}). Name another one.") from error
    require(os.access(folder, os.W_OK), option, out, "a folder that you may write in", "Name another one.")
    return folder


def writable_file(out, endings):
    """The file that `--out` names, shown to be one that can be written before hours of work go into it."""
    path = pathlib.Path(out)
    require(path.suffix.lower() in endings, "--out", out, f"a file that ends in {' or '.join(endings)}",
            f"Name it {path.with_suffix(endings[0]).name!r}.")
    require(not path.is_dir(), "--out", out, "a file, not a folder", "Name a file in it.")
    writable_folder(path.parent)
    return path


def no_room(out, error):
    """The sentence for a file that could not be written."""
    return UsageError(f"`--out` must be a file with room to write in; {out} is not ({error.strerror or error}). Make room, or name "
                      "another one.")


@contextmanager
def stops_as_an_interrupt(announce=None):
    """A block in which SIGTERM does what Ctrl-C does, at a moment when the model is whole; both are as before after it.

    `announce`, where there is one, is called at once, before the interrupt is raised.
    """
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def announced(*_):
        announce()
        raise KeyboardInterrupt

    def as_interrupt(_, frame):
        answer = signal.getsignal(signal.SIGINT)
        if callable(answer):
            answer(signal.SIGINT, frame)
        else:  # in the background of a shell script, which ignores Ctrl-C
            raise KeyboardInterrupt

    if announce is not None:
        signal.signal(signal.SIGINT, announced)
    signal.signal(signal.SIGTERM, as_interrupt)
    try:
        yield
    finally:
        for name, answer in before.items():
            if answer is not None:  # one that was not set from Python cannot be set from here
                signal.signal(name, answer)


@contextmanager
def warnings_as_sentences(say):
    """A warning to the user of the package is a sentence to the user of the command."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message, category, *where, **more):
            if issubclass(category, UserWarning):
                tell(say, f"Note: {message}")
            else:
                before(message, category, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", Advice)
        yield


def strict_json(document):
    """JSON as the standard has it: a number that is none becomes null."""
    return json.dumps(_finite(document), indent=2, allow_nan=False, ensure_ascii=False, default=float)


def _finite(value):
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
