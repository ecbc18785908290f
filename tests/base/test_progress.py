"""Progress as work tells it: a share that never goes down, whatever the work foresaw."""

from epochal.base.progress import SILENT, Item, Rising


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
    rising = Rising(heard)
    for share in (0.1, 0.5, 0.3, 2.0, 0.7):
        rising.step(share, "training")
    assert heard.shares == [0.1, 0.5, 0.5, 1.0, 1.0]


def test_a_part_of_the_whole_tells_its_part():
    heard = Heard()
    rising = Rising(heard, 0.5, 0.75)
    rising.step(0.0, "begins")
    rising.step(1.0, "ends")
    assert heard.shares == [0.5, 0.75]


def test_everything_else_is_handed_on_as_it_is():
    heard = Heard()
    agenda = (Item("study", "trainings", "to compare", 3.0),)
    rising = Rising(heard)
    rising.start(agenda)
    rising.step(0.5, "training", "3 s left")
    rising.say("a note")
    rising.answer(7)
    rising.done()
    assert heard.told == [("start", agenda), ("step", "training", "3 s left"), ("say", "a note"), ("answer", 7), ("done",)]


def test_silence_takes_whatever_is_told():
    SILENT.start(())
    SILENT.step(0.5, "training")
    SILENT.say("a note")
    SILENT.answer(None)
    SILENT.done()
