"""A study in MLflow's own server: logged over HTTP, and nothing but our own words on standard output."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from report.report_studies import STUDY

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # tests tell nobody

from epochal.base.errors import UsageError
from epochal.report import log_to_mlflow
from epochal.report.study import mlflow as study_mlflow

pytestmark = [
    pytest.mark.needs("mlflow.server.handlers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of pandas 3 and SQLAlchemy 2.1, caused by MLflow
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server on this machine."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'm.db'}",
             "--artifacts-destination", str(folder / "artifacts")]
    with open(folder / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([sys.executable, "-m", "mlflow", "server", *words], stdout=log, stderr=log, cwd=folder)
    address, start = f"http://127.0.0.1:{port}", time.monotonic()
    try:
        while not _answers(address + "/health"):
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < start + 120
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_study_is_logged_over_http_once_and_in_silence(server, capfd):
    from mlflow import MlflowClient

    study_mlflow.reach(server)
    run = log_to_mlflow(STUDY, server)
    assert log_to_mlflow(STUDY, server) == run
    assert capfd.readouterr().out == ""
    client = MlflowClient(tracking_uri=server)
    place = client.get_experiment_by_name("epochal").experiment_id
    assert len(client.search_runs([place])) == 1 + len(STUDY.curves)
    assert client.get_run(run).data.metrics["epochs/64/difference"] == 0.15
    assert {file.path for file in client.list_artifacts(run)} == {"contrasts.json", "study.json"}


def test_an_address_where_nothing_listens_is_told(server):
    with pytest.raises(UsageError, match=r"`--mlflow` must be the URI of an MLflow that can be reached; got 'http://127\.0\.0\.1:1'"):
        study_mlflow.reach("http://127.0.0.1:1")
