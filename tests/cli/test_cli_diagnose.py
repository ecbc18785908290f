"""`epochal diagnose`: a file in, an answer out."""

import json

import numpy as np
import pytest
from cli.command import inside, strict

import epochal
from epochal.records import load

T = np.arange(40)
OVERFITTED = {"loss": (np.exp(-T / 8) + 0.01).tolist(), "val_loss": (np.exp(-T / 8) + 0.2 + 0.02 * np.maximum(T - 15, 0)).tolist()}
HEALTHY = {"loss": (np.exp(-T / 5) + 0.2).tolist(), "val_loss": (np.exp(-T / 5) + 0.22).tolist()}


@pytest.fixture
def file(tmp_path):
    def write(curves, name="history.json"):
        path = tmp_path / name
        path.write_text(json.dumps(curves))
        return path

    return write


def test_the_worst_finding_is_the_first_line_and_the_status_0(file):
    ran = inside("diagnose", file(OVERFITTED))
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Overfitting (epochs ")
    assert "Looked for:" in ran.stdout


def test_a_healthy_training_has_nothing_wrong(file):
    ran = inside("diagnose", file(HEALTHY))
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Nothing wrong found.")
    assert "Not checked: labels" in ran.stdout


def test_json_is_the_record(file):
    ran = inside("diagnose", file(OVERFITTED), "--json")
    fields = strict(ran.stdout)
    whole = {"epochal_format": fields.pop("epochal_format"), "kind": fields.pop("kind"), "record": fields}
    assert load(json.dumps(whole)) == epochal.diagnose(str(file(OVERFITTED)))


def test_the_page_holds_the_curves_and_the_findings(file, tmp_path):
    page = tmp_path / "page.html"
    ran = inside("diagnose", file(OVERFITTED), "--out", page, "--baseline", file(HEALTHY, "earlier.json"))
    assert ran.exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "Overfitting" in text
    assert "the baseline&#39;s val_loss" in text or "the baseline's val_loss" in text
    assert "http://" not in text.split("<script>")[0]


def test_what_is_known_beside_the_curves_is_used(file):
    curves = {"loss": (0.7 - 0.001 * T).tolist(), "val_loss": (0.7 - 0.001 * T).tolist()}
    assert inside("diagnose", file(curves)).stdout.startswith("Rate too low")
    assert inside("diagnose", file(curves), "--batch-size", 500, "--rows", 500).stdout.startswith("Too few updates")


@pytest.mark.parametrize("words", [["nothing_there.csv"], ["--target", "y"], ["--training", "2"], ["--out", "page.txt"]])
def test_what_cannot_be_done_is_a_sentence_and_status_2(file, words):
    given = words if words[0].endswith("csv") else [file(HEALTHY), *words]
    ran = inside("diagnose", *given)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: ")
    assert "Traceback" not in ran.stderr
