"""One run of the command on real data, shared by the tests that only look at what it leaves."""

import os
import signal

import pytest
from cli.command import run
from sklearn.datasets import load_breast_cancer

import epochal.services.fit as service


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    """What a command run inside this process sets for good, the back end; its reactions to signals it must give back itself."""
    backend, before = os.environ.get("KERAS_BACKEND"), [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)] == before
    os.environ["KERAS_BACKEND"] = backend


@pytest.fixture(scope="session")
def walked(rows, tmp_path_factory):
    """`(finished process, folder)` of a whole plan, in a folder whose name would be markup to Rich."""
    folder = tmp_path_factory.mktemp("walked") / "ä [b] [red]out"
    return run("plan", rows, "--target", "target", "--budget", "3s", "--out", folder, folder=rows.parent), folder


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """A CSV file written from real data, 200 rows, in a folder whose name is no plain word."""
    path = tmp_path_factory.mktemp("my dätä [x]") / "tumours ü.csv"
    load_breast_cancer(as_frame=True).frame.iloc[:200, [0, 1, 2, 3, 30]].to_csv(path, index=False)
    return path


@pytest.fixture
def asked(monkeypatch):
    """What the training is called with, a dict that fills while it trains as ever."""
    options, real = {}, service.train

    def spied(request, **given):
        options.update(vars(request))
        return real(request, **given)

    monkeypatch.setattr(service, "train", spied)
    return options
