"""Progress as work tells it: a share that never goes down, whatever the work foresaw, and an end where it is asked to stop."""

import pytest

from epochal.base.progress import SILENT, Agenda, Item, Reporter
from epochal.base.stop import Stop, Stopped


class Heard:
    """Remembers all it is told."""

    def __init__(self):
        self.shares, self.told = [], []

    def start(self, agenda):
        self.told.append(("start", agenda))

    def step(self, share, sentence, detail=""):
        self.shares.append(share)
        self.told.append(("step", sentence, detail))

    def say(self, sentence):
        self.told.append(("say", sentence))

    def answer(self, record):
        self.told.append(("answer", record))

    def done(self):
        self.told.append(("done",))


def test_a_share_never_goes_down_and_never_passes_one():
    heard = Heard()
    reporter = Reporter(heard)
    for share in (0.1, 0.5, 0.3, 2.0, 0.7):
        reporter.step(share, "training")
    assert heard.shares == [0.1, 0.5, 0.5, 1.0, 1.0]


def test_work_that_should_stop_is_stopped_where_it_tells_how_far_it_is_and_its_answer_so_far_is_known():
    heard, stop = Heard(), Stop()
    reporter = Reporter(heard, stop)
    reporter.step(0.5, "training")
    reporter.answer("so far")
    stop.set()
    with pytest.raises(Stopped):
        reporter.step(0.6, "training")
    assert heard.shares == [0.5]
    assert reporter.latest == "so far"


def test_everything_else_is_handed_on_as_it_is():
    heard = Heard()
    agenda = Agenda("digits", items=(Item("study", "trainings", "to compare", 3.0),))
    reporter = Reporter(heard)
    reporter.start(agenda)
    reporter.step(0.5, "training", "3 s left")
    reporter.say("a note")
    reporter.answer(7)
    reporter.done()
    assert heard.told == [("start", agenda), ("step", "training", "3 s left"), ("say", "a note"), ("answer", 7), ("done",)]


def test_silence_takes_whatever_is_told():
    SILENT.start(Agenda("digits"))
    SILENT.step(0.5, "training")
    SILENT.say("a note")
    SILENT.answer(None)
    SILENT.done()
