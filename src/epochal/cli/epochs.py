"""`epochal epochs`: how long to train and when to stop, from a plan or a study that has ended."""

from typing import Any

from ..report.progress import tell
from .terminal.output import record_as_json, terminal


def run(options: dict[str, Any]) -> None:
    from ..base.text import RichTable
    from ..services.epochs import epochs

    found = epochs(options["file"], options["batch_size"], options["learning_rate"])
    if options["as_json"]:
        print(record_as_json(found))
        return
    answer = terminal()
    setting = "" if found.setting is None else f" of {found.setting}"
    tell(answer, f"{len(found.best)} trainings{setting}\n")
    answer.print(found.headline, highlight=False, markup=False, style="bold")
    answer.print()
    answer.print(RichTable(list(found.rows())))
    for name, sentence in found.sentences():
        tell(answer, f"{name}: {sentence}")
