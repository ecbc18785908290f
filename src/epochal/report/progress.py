"""Progress for a person: a bar with what is left on a terminal, a line a step elsewhere, and the sentences that stay."""

import threading
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from ..base.progress import Agenda
from ..base.text import RichTable, duration


class ProgressDisplay:
    """Draws what work tells of itself; see `base.progress.Progress`.

    Args:
        console: where the bar and its lines go; standard error by default, so that standard output holds the answer alone.
        sentences: where sentences go, and the agenda if `agenda` is true; the same console by default.
        quiet: draw no bar and no lines.
        silent: print no sentences either.
        stage: told what is being done.
    """

    def __init__(self, console: Console | None = None, *, sentences: Console | None = None, agenda: bool = False,
                 quiet: bool = False, silent: bool = False, stage: Callable[[str], None] = lambda sentence: None) -> None:
        self._console = console or Console(stderr=True)
        self._sentences, self._agenda, self._quiet, self._silent = sentences or self._console, agenda, quiet, silent
        self._bar: Bar | None = None
        self._draws = True  # also before there is an agenda, as while files are read
        self._last, self._lock, self._stage = "", threading.Lock(), stage

    def start(self, agenda: Agenda) -> None:
        if self._agenda:
            print_agenda(self._sentences, agenda)
        self._stage("measuring" if agenda.bar else "training and judging")
        self._last = ""
        self.done()
        self._draws = agenda.bar
        self._draw("starting")

    def _draw(self, sentence: str) -> None:
        if self._draws and not self._quiet and self._console.is_terminal:
            self._bar = Bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
                            TextColumn("{task.fields[detail]}"), console=self._console, transient=True)
            self._bar.add_task(sentence, total=1.0, detail="")
            self._bar.start()

    def step(self, share: float, sentence: str, detail: str = "") -> None:
        with self._lock:
            if sentence != self._last:
                self._stage(sentence)
            if self._bar is None:
                self._draw(sentence)
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=share, description=sentence, detail=detail)
            elif sentence != self._last and self._draws and not self._quiet and not self._console.is_terminal:
                self._console.print(f"{sentence} ({detail})" if detail else sentence, highlight=False, markup=False, soft_wrap=True)
            self._last = sentence

    def say(self, sentence: str) -> None:
        if not self._silent:
            tell(self._sentences, sentence)

    def answer(self, record: Any) -> None:
        """The answer is shown by whoever asked for it, once."""

    def done(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def print_agenda(console: Console, agenda: Agenda) -> None:
    """What is going to be done: with what and where, notes on the data, what was settled, and the measurements with their time."""
    if agenda.title:
        console.print(f"\n{agenda.title}", highlight=False, markup=False, style="bold")
        console.print(agenda.place, highlight=False, markup=False, style="dim")
    for note in agenda.notes:
        console.print(f"· {note}", highlight=False, markup=False)
    console.print()
    for sentence in agenda.sentences:
        tell(console, sentence)
    if agenda.items:
        console.print(RichTable([("measurement", "what", "why", "about"), *(
            (item.name, item.what, item.why, "" if item.seconds is None else duration(item.seconds)) for item in agenda.items)]))


def tell(console: Console, sentence: str) -> None:
    """A sentence with a user's own names in it, on one line however long, so that a path can be copied."""
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)
