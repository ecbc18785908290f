"""Whatever cannot be used is refused in one sentence with the culprit, the value and the cure, and exit status 2."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli.command import inside, run

from epochal.base import backends

N = 60


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with files that are wrong in one way each, and two that are right."""
    folder, rows = tmp_path_factory.mktemp("shelf"), np.arange(N)
    frame = pd.DataFrame({"a": rows / 7, "b": np.cos(rows), "y": rows % 2})
    frame.to_csv(folder / "good.csv", index=False)
    frame.assign(y=1).to_csv(folder / "constant.csv", index=False)
    frame.assign(y=np.nan).to_csv(folder / "missing.csv", index=False)
    frame[:49].to_csv(folder / "short.csv", index=False)
    frame.assign(a=np.where(rows == 7, np.inf, rows / 7)).to_csv(folder / "infinite.csv", index=False)
    (folder / "prose.csv").write_text("It was a dark night.\nNothing else happened.\n")
    np.savez(folder / "good.npz", x=frame[["a", "b"]].to_numpy("float32"), y=frame.y)
    (folder / "torn.json").write_text('{"epochal_format": 1, ')
    (folder / "other.json").write_text('{"name": "something else"}')
    network = "m = keras.Sequential([keras.Input(({},)), keras.layers.Dense({})])"
    loss = "m.compile('sgd', 'binary_crossentropy')"
    for name, body in {"syntax": "(", "raising": "raise ValueError('no weights')", "nothing": "return None",
                       "bare": f"{network.format(2, 1)}; return m", "wide": f"{network.format(5, 1)}; {loss}; return m",
                       "head": f"{network.format(2, 7)}; {loss}; return m"}.items():
        (folder / f"{name}.py").write_text(f"import keras\n\ndef build():\n    {body}\n")
    return folder


@pytest.mark.parametrize(("words", "said"), [
    ("nix.csv --target y", ("nix.csv", "a file that exists", "Check the path")),
    ("digitss", ("digitss", "Did you mean 'digits'?")),
    ("{shelf}/syntax.py", ("syntax.py", ".csv", "Save the table as CSV")),
    ("{shelf}/good.csv", ("target", "None", "'a', 'b', 'y'")),
    ("{shelf}/good.csv --target yy", ("target", "'yy'", "Did you mean 'y'?")),
    ("{shelf}/good.csv --target y --group shop", ("group", "'shop'", "'a', 'b', 'y'")),
    ("{shelf}/good.csv --target y --group a --time b", ("groups and time", "one at a time")),
    ("{shelf}/constant.csv --target y", ("`y`", "'1' in all 60 rows", "Choose another column")),
    ("{shelf}/missing.csv --target y", ("`y`", "60 missing values", "Choose another column")),
    ("{shelf}/short.csv --target y", ("49", "at least 50", "Collect more rows")),
    ("{shelf}/infinite.csv --target y", ("`a`", "1 infinite value", "Drop those rows")),
    ("{shelf}/prose.csv --target y", ("prose.csv", "two or more columns", "separate")),
    ("{shelf}/good.npz --target y", ("target", "'y'", "left out for an .npz file")),
    ("{shelf}/good.npz --model build.py", ("--model", "'build.py'", "FILE.py:FUNCTION")),
    ("{shelf}/good.npz --model {shelf}/nix.py:build", ("--model", "nix.py", "There is no file")),
    ("{shelf}/good.npz --model {shelf}/bare.py:make", ("--model", "bare.py:make", "It holds build")),
    ("{shelf}/good.npz --model {shelf}/syntax.py:build", ("syntax.py", "line 4", "SyntaxError", "Mend it")),
    ("{shelf}/good.npz --model {shelf}/raising.py:build", ("raising.py", "line 4", "no weights", "Mend it")),
    ("{shelf}/good.npz --model {shelf}/nothing.py:build", ("NoneType", "returns a Keras model", "Return the compiled model")),
    ("{shelf}/good.npz --model {shelf}/bare.py:build", ("must be compiled", "Call model.compile")),
    ("{shelf}/good.npz --model {shelf}/wide.py:build", ("model", "fit the data", "Check the shapes")),
    ("{shelf}/good.npz --model {shelf}/head.py:build", ("model", "fit the data", "Check the shapes")),
    ("digits --budget soon", ("budget", "'soon'", '"2 min"')),
    ("digits --budget 0", ("budget", "positive", '"2 min"')),
    ("digits --goal quick", ("--goal", "'quick'", "'fastest'")),
    ("digits --seed -1", ("--seed", "-1", "0<=x")),
    ("digits --backend mxnet", ("--backend", "'mxnet'", "'torch'")),
    ("digits --evidence {shelf}/nix.json", ("--evidence", "nix.json", "Check the name")),
    ("digits --evidence {shelf}/torn.json", ("--evidence", "torn.json", "JSON", "Measure again")),
    ("digits --evidence {shelf}/other.json", ("--evidence", "other.json", "epochal_format")),
    ("digits --out {shelf}/good.csv", ("--out", "good.csv", "Name another one")),
    ("digits --out {shelf}/good.csv/deeper", ("--out", "deeper", "Name another one")),
    ("", ("Missing argument", "DATA")),
], ids=lambda value: value.replace("{shelf}/", "") if isinstance(value, str) else "")
def test_it_is_refused_in_a_sentence(shelf, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    told = inside("plan", *words.format(shelf=shelf).split())
    sentences = [line for line in told.stderr.splitlines() if line.startswith("Error: ")]
    assert told.exit_code == 2, (told.stderr, told.exception)
    assert isinstance(told.exception, SystemExit)
    assert told.stdout == ""
    assert len(sentences) == 1, told.stderr
    assert all(word in sentences[0] for word in said), sentences[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.second
def test_a_refusal_of_the_real_command_is_one_line_and_no_traceback(shelf):
    process = run("plan", shelf / "good.csv", "--target", "z", folder=shelf)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.splitlines() == ["Error: `target` must be a column of the table; got 'z'. The columns are 'a', 'b', 'y'."]


def test_a_back_end_that_is_not_installed_is_refused_with_the_command_that_installs_it(shelf, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backends, "installed", lambda: ())
    told = inside("plan", "digits", "--backend", "torch")
    assert told.exit_code == 2
    assert "pip install 'epochal[torch]'" in told.stderr


def test_an_unknown_back_end_in_the_environment_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    told = inside("plan", "digits", "--agenda")
    assert told.exit_code == 2, told.exception
    assert "KERAS_BACKEND" in told.stderr
    assert "'theano'" in told.stderr


def test_evidence_of_other_data_is_refused(shelf, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    old = Path(__file__).parents[1] / "old_files" / "plan.json.gz"
    Path("plan.json").write_bytes(gzip.decompress(old.read_bytes()))
    told = inside("plan", shelf / "good.csv", "--target", "y", "--evidence", "plan.json")
    assert told.exit_code == 2
    assert "the same model and data" in told.stderr
