"""Progress while measuring: a bar with the time left on a terminal, a line per step elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ..base.text import duration


class Live:
    """What a person sees while an agenda is worked through; used as `with Live(items) as live: measure(…, watch=live.watch)`.

    Args:
        items: the agenda's `Item`s.
        console: where to draw; standard error by default, so that standard output holds the answer alone.
        quiet: draw nothing.
    """

    def __init__(self, items, *, console=None, quiet=False):
        self._console = console or Console(stderr=True)
        self._seconds = {item.name: item.seconds for item in items}
        self._done, self._last, self._quiet = dict.fromkeys(self._seconds, 0.0), None, quiet
        self._bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
                             TextColumn("{task.fields[left]}"), console=self._console, transient=True,
                             disable=quiet or not self._console.is_terminal)
        self._task = self._bar.add_task("starting", total=sum(self._seconds.values()) or 1, left="")

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *failure):
        self._bar.stop()

    def watch(self, name, done, total, what):
        """One step further: `done` of `total` of the item called `name`; see `planner.measure`."""
        expected = self._seconds.get(name, 0.0)
        self._done[name] = expected * min(1.0, done / total if total else 1.0)
        if name == "study":  # its own forecast, made from measured speeds, replaces the agenda's guess
            self._seconds[name], self._done[name] = total, done
        for earlier in self._seconds:
            if earlier == name:
                break
            self._done[earlier] = self._seconds[earlier]
        finished, foreseen = sum(self._done.values()), sum(self._seconds.values())
        label = what or name.replace("_", " ")
        self._bar.update(self._task, completed=finished, total=max(foreseen, 1e-9), description=label,
                         left=f"about {duration(max(foreseen - finished, 0))} left")
        if not self._quiet and not self._console.is_terminal and label != self._last:
            self._console.print(f"measuring: {label}", highlight=False, soft_wrap=True)
        self._last = label
