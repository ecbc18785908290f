"""`epochal plan --columns`, the options that say how a table is to be read, and a file that does not exist."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cli.command import inside, strict, surroundings


@pytest.fixture
def customers(tmp_path):
    n, draw = 90, np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.arange(n), "pay": [f"{p:,} €" for p in draw.integers(1000, 9000, n)],
                          "score": np.where(np.arange(n) % 9 == 4, -999, draw.integers(0, 300, n)),
                          "note": draw.choice(["good", "bad"], n), "churned": draw.choice(["no", "yes"], n)})
    path = tmp_path / "customers.csv"
    path.write_text("Customers of May\n" + frame.to_csv(index=False, sep="\t"))
    return path


def test_what_becomes_of_each_column_is_printed_and_nothing_is_measured(customers, tmp_path):
    told = inside("plan", customers, "--target", "churned", "--drop", "note", "--columns", "--out", tmp_path / "out")
    assert told.exit_code == 0, (told.stderr, told.exception)
    for words in ("· Columns are separated by a tab.", "The first line of customers.csv is no part", "Left out: `id`, no more than",
                  "column", "used as", "currency signs left out", "-999 in 10 rows", "as --drop says", "median"):
        assert words in told.stdout, words
    assert not (tmp_path / "out").exists()


def test_programs_get_the_columns_as_json(customers):
    told = inside("plan", customers, "--target", "churned", "--columns", "--json", "--keep", "score")
    columns = {column["name"]: column for column in strict(told.stdout)["columns"]}
    assert [columns[name]["kind"] for name in ("id", "pay", "score", "note", "churned")] == [
        "left out", "number", "number", "category", "target"]
    assert columns["score"]["n_missing"] == 0


def test_the_command_to_train_with_a_plan_reads_the_table_alike():
    from epochal.cli.plan import same_options

    nothing = dict.fromkeys(("target", "groups", "time", "task", "rare", "far", "dates", "decimal", "separator", "encoding", "skip",
                             "model", "backend", "class_weight", "header"))
    options = nothing | {"target": "y", "drop": ("a b", "c"), "keep": (), "missing": ("-1",), "separator": ";", "skip": 0,
                         "header": False}
    assert same_options(options) == " --target y --drop 'a b' --drop c --na -1 --sep ';' --skip 0 --no-header"


@pytest.mark.parametrize("command", [["plan"], ["fit", "--out", "m.keras"], ["study"], ["predict", "m.keras", "--out", "p.csv"]])
def test_a_file_that_is_not_there_is_said_before_libraries_are_loaded(command, tmp_path):
    words = [command[0], *(["m.keras"] if "predict" in command else []), "nowhere.csv", *command[-2:]] if len(command) > 1 else [
        command[0], "nowhere.csv"]
    code = ("import sys\nfrom epochal.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n"
            "    print(ended.code, [name for name in ('keras', 'pandas', 'sklearn', 'jax') if name in sys.modules])")
    told = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=surroundings())
    assert told.stdout.strip() == "2 []", told.stderr
    assert "`source` must be a file that exists" in told.stderr
