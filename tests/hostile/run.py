"""Runs three commands in each hostile environment: no traceback, the right exit status, nothing lost.

    python tests/hostile/run.py                 # all; half an hour; the result is appended to tests/results.jsonl
    python tests/hostile/run.py "Ctrl-C" disk   # those whose names hold one of these words
    python tests/hostile/run.py 40-80           # those with these numbers: for a machine that has little time; also written down
"""

import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

TESTS = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
from hostile.environments import EVERY  # noqa: E402
from results import write_down  # noqa: E402

LONG = 150  # seconds; what takes longer hangs
N_ROWS = 60
MODEL = """
import keras

class Own(keras.layers.Layer):
    def call(self, x):
        {layer}

def build():
    {model}
    model = keras.Sequential([keras.Input((2,)), Own(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model
"""
COMMAND = f"{sys.executable} -m epochal"
TABLE = '"{data}" --target y'
PLAN = f'plan {TABLE} --budget 1s --out "{{out}}"'
FIT = f'fit {TABLE} --epochs 1 --out "{{out}}/model.keras"'
PREDICT = 'predict "$HERE/good.keras" "{data}" --out "{out}/p.csv"'
STUDY = f'study {TABLE} --batch-sizes 8,16 --learning-rates 0.01 --epochs 1 --seeds 2 --trial-seeds 1 --folder "{{out}}"'
QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


class Home:
    """A folder with what all environments begin with: a home with a warm cache, a table, a model, an older plan."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-"))
        (self.folder / "home").mkdir()
        rows = "".join(f"{n / 7},{(n * n) % 11},{n % 2}\n" for n in range(N_ROWS))
        (self.folder / "rows.csv").write_text("a,b,y\n" + rows)
        old = gzip.decompress((TESTS / "old_files" / "plan.json.gz").read_bytes())
        (self.folder / "plan.json").write_bytes(old)
        subprocess.run(["bash", "-c", f"{COMMAND} fit rows.csv --target y --epochs 1 --out good.keras"], cwd=self.folder,
                       env=self.variables(), capture_output=True, check=True)

    def variables(self, **more):
        passed = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH", "OMP_NUM_THREADS") if name in os.environ}
        return {"PYTHONPATH": str(TESTS.parent / "src"), **passed, "HOME": str(self.folder / "home"), "KERAS_BACKEND": "jax",
                "PYTHONDONTWRITEBYTECODE": "1", "XLA_FLAGS": QUICKLY, **more}

    def room(self):
        """A new folder for one command."""
        here = pathlib.Path(tempfile.mkdtemp(prefix="room-", dir=self.folder))
        for name in ("rows.csv", "good.keras"):
            shutil.copy(self.folder / name, here)
        (here / "out").mkdir()
        shutil.copy(self.folder / "plan.json", here / "out" / "plan.json")
        shutil.copy(self.folder / "good.keras", here / "out" / "model.keras")
        return here

    def remove(self):
        _remove(self.folder)


def commands(number, environment):
    """The three commands of an environment, each with the statuses it may end with."""
    model = bool(environment.model or environment.layer)
    own = " --model build.py:build" if model else ""
    stopped = "130" if environment.beside and environment.beside != "TWICE" else ""
    second = (FIT + own, environment.other) if model or number % 2 or stopped else (PREDICT, environment.other)
    third = (STUDY, environment.plan) if number % 10 == 0 and environment.plan == {0} and "--json" not in environment.after \
        else ("study --help" if number % 2 else "--help", {0})
    if third[0].endswith("--help"):  # the environment may end this one, too: in a sentence, or at once
        third = (third[0], {0, *environment.plan, *((1, 2, -9, 130, -24, 137, 152) if "ulimit" in environment.before else ())})
    return [(PLAN + own, environment.plan), second, third]


def faults(home, environment, command, statuses):
    """What is wrong with one command in one environment, as sentences; and what it said."""
    here = home.room()
    body = "pass" if environment.model == "" else environment.model
    (here / "build.py").write_text(MODEL.format(layer=environment.layer or "return x", model=body))
    before = _digest(here / "rows.csv")
    try:
        status, said = _run(home, here, environment, command)
        return _judged(here, environment, command, statuses, status, said, before), said
    except subprocess.TimeoutExpired:
        return [f"took longer than {LONG} s"], ""
    finally:
        _remove(here)


def _run(home, here, environment, command):
    words = command.format(out=environment.out, data=environment.data)
    line = f"{COMMAND} {words} {environment.after if '--help' not in command else environment.after.replace('--json', '')}"
    if environment.before.startswith("TERMINAL"):
        line = f"script -qec {_quoted(line)} /dev/null"
    elif not any(sign in environment.after for sign in "|;("):
        line = f"exec {line}"
    script = f"{environment.before}\n{line}\n"
    variables = {name: value.replace("$HERE", str(here)) for name, value in environment.variables.items()}
    shell = [*_without_rights(), "bash", "-c", script]
    options = {"cwd": here, "env": home.variables(HERE=str(here), **variables), "stdin": subprocess.DEVNULL}
    with open(home.folder / "said", "w+b") as said:
        process = subprocess.Popen(shell, stdout=said, stderr=subprocess.STDOUT, start_new_session=True, **options)
        company = None
        if environment.beside == "TWICE":
            company = subprocess.Popen(shell, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, **options)
        elif environment.beside:
            company = subprocess.Popen(["bash", "-c", environment.beside], env={**os.environ, "PID": str(process.pid)},
                                       stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(timeout=LONG)
            if company is not None and environment.beside == "TWICE":
                _, told = company.communicate(timeout=LONG)
                one, other = sorted((status, company.returncode))
                said.seek(0)
                both = said.read() + told
                shared = (0, 0) if "--help" in command or "predict" in command else (0, 2)
                if (one, other) == shared and (shared == (0, 0) or b"in use by process" in both):
                    status = 0
                else:
                    status = f"{one} and {other}: {both[-300:]}"
        finally:
            for one in (process, company):
                if one is not None and one.poll() is None:
                    one.kill()
                    one.wait()
        said.seek(0)
        return status, said.read().decode(errors="replace")


def _judged(here, environment, command, statuses, status, said, before):
    found = []
    if status not in statuses:
        found.append(f"ended with {status}, not {' or '.join(map(str, sorted(statuses)))}")
    if "Traceback (most recent call last)" in said:
        found.append("a traceback")
    unheard = environment.after or environment.name == "files of 0 kB at most"  # what is said goes to a file, too
    if status == 2 and not unheard and "Error: " not in said:
        found.append("no sentence")
    if _digest(here / "rows.csv") != before:
        found.append("the table was changed")
    if (here / "~").exists():
        found.append("a folder called ~")
    out = here / "out"
    if environment.keeps and out.is_dir():
        found += [f"{name} is not whole" for name, whole in (("plan.json", _is_json), ("model.keras", zipfile.is_zipfile))
                  if not whole(out / name)]
    if status in (0, 2):
        locks = {".lock", ".holder"} if "ends the process" in environment.name else set()  # nobody was there to remove them
        found += [f"{path.name} was left" for path in here.rglob(".*.*")
                  if path.is_file() and "keras" not in path.parts[-2:-1] and path.suffix not in locks]
    if status == 0 and environment.out == "$HERE/out" and not command.startswith(("--", "study")) and "--help" not in command:
        name = {"plan": "report.html", "fit": "model.keras", "predict": "p.csv"}[command.split()[0]]
        whole = (out / name).is_file() and (name != "p.csv" or len((out / name).read_text().splitlines()) == N_ROWS + 1)
        found += [] if whole else [f"{name} is missing or not whole"]
    return found


def _without_rights():
    """The superuser may write anywhere: the commands run without that right."""
    if os.geteuid() != 0:
        return []
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]


def _is_json(path):
    try:
        return isinstance(json.loads(path.read_text()), dict)
    except (OSError, ValueError):
        return False


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def _remove(folder):
    for place, _, _ in os.walk(folder, topdown=False):
        if os.path.ismount(place):
            subprocess.run(["umount", place], check=False, capture_output=True)
        elif not os.path.islink(place):
            os.chmod(place, 0o755)
    shutil.rmtree(folder, ignore_errors=True)


def may_mount():
    """Whether this process may mount a small disk."""
    with tempfile.TemporaryDirectory() as place:
        found = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", place], capture_output=True, check=False)
        subprocess.run(["umount", place], capture_output=True, check=False)
        return found.returncode == 0


def main(words):
    start, home, mounts = time.monotonic(), Home(), may_mount()
    first, last = map(int, words.pop(0).split("-")) if words and words[0].replace("-", "").isdigit() else (0, len(EVERY))
    chosen = [(n, one) for n, one in list(enumerate(EVERY))[first:last] if not words or any(word in one.name for word in words)]
    able = [(n, one) for n, one in chosen if mounts or one.needs != "mount"]
    wrong, n_commands = [], 0
    for number, environment in able:
        for command, statuses in commands(number, environment):
            n_commands += 1
            found, said = faults(home, environment, command, statuses)
            if found:
                wrong.append(environment.name)
                last = "\n    ".join(said.splitlines()[-12:])
                print(f"{environment.name}: {command}: {'; '.join(found)}\n    {last}", flush=True)
    home.remove()
    seconds = time.monotonic() - start
    print(f"{len(able)} environments, {n_commands} commands, {len(set(wrong))} with faults, {seconds:.0f} s; "
          f"{len(chosen) - len(able)} left out, which need to mount a disk")
    if not words:
        write_down(TESTS / "results.jsonl", "hostile environments", "failed" if wrong else "passed", seconds,
                   {"first": first, "environments": len(able), "commands": n_commands, "with_faults": len(set(wrong)),
                    "left_out": len(chosen) - len(able)})
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
