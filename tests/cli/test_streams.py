"""What is printed never ends in an error: other signs where these cannot be shown, and nothing where nobody reads any more."""

import os
import sys

import pytest

from epochal.cli.terminal.streams import Stream, lost, shown, streams

SIGNS = "2 µs – 3 · 4 × 5 … √2 ≥ 1 → σ² ─━│ ⠋ ä é \udcff 漢 ±"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "koi8-r", "utf-8"])
def test_every_sign_has_another_where_it_cannot_be_shown(encoding):
    text = shown(SIGNS, encoding)
    assert text.encode(encoding)
    assert "  " not in text  # none has vanished


def test_signs_that_are_common_here_stay_readable_in_ascii():
    assert shown("2 µs – 3 × 4 … ≥ 1 → σ² ± ─ │ ä", "ascii") == "2 us - 3 x 4 ... >= 1 -> sigma2 +/- - | a"


def test_what_can_be_shown_is_left_as_it_is():
    assert shown("µ × ä", "latin-1") == "µ × ä"
    assert shown(SIGNS.replace("\udcff", ""), "utf-8") == SIGNS.replace("\udcff", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_full_device_is_remembered_and_the_work_goes_on():
    with open("/dev/full", "w") as full:
        stream = Stream(full)
        for _ in range(3):
            stream.write("x" * 100_000)
        stream.flush()
        assert "No space" in lost(stream)


def test_a_reader_that_went_away_is_no_fault():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        stream = Stream(pipe)
        stream.write("x")
        stream.flush()
        assert stream.failed is not None
        assert lost(stream) is None


def test_the_streams_are_put_back(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # closed before Python began
    with streams():
        print("nobody reads this")
        assert sys.stdout.encoding
    assert sys.stdout is None
