"""Kill a study again and again with SIGKILL, run it again, and hold every ending against that of a study nobody disturbed.

    python benchmarks/kill_study.py                  # 50 kills
    python benchmarks/kill_study.py --kills 5 --seed 1

The same command, `epochal study digits`, is started and killed at a random moment, also while it imports, measures and writes; it
goes on in the folder until it ends well, and then the next study begins. Compared is all of `study.json` that no clock has a part
in: every epoch of every training, the tuned rates, the contrasts. How the engine trains (fused or step by step) is measured by the
clock, and another mode rounds otherwise: studies that came to another mode are counted apart.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from time import perf_counter

COMMAND = [sys.executable, "-c", "from epochal.cli import main; main(prog_name='epochal')", "study", "digits", "--batch-sizes",
           "32,256,1024", "--equal", "epochs,steps", "--epochs", "20"]


def start(folder):
    return subprocess.Popen([*COMMAND, "--folder", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ending(folder):
    """`(modes, numbers)` of a finished study, as text."""
    record = json.loads((pathlib.Path(folder) / "study.json").read_text(encoding="utf-8"))["record"]
    modes = [(r["name"], [point[2] == point[4] for point in r["points"]], [point[1] for point in r["points"]])
             for r in record.pop("readings") if r["name"].startswith("engine/")]
    for one in (*record["curves"], *record["contrasts"]):
        one["seconds"] = 0.0
    return json.dumps(modes), json.dumps(record, sort_keys=True)


def whole(folder):
    process = start(folder)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"the study failed:\n{errors[-3000:]}")
    return ending(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, n_kills, n_endings, n_other_modes, unlike = random.Random(options.seed), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        begun = perf_counter()
        modes, numbers = whole(pathlib.Path(place) / "undisturbed")
        longest = perf_counter() - begun
        print(f"undisturbed: {longest:.1f} s", flush=True)
        while n_kills < options.kills:
            folder = pathlib.Path(place) / f"study-{n_endings}"
            while True:
                process = start(folder)
                try:
                    _, errors = process.communicate(timeout=chance.uniform(0.5, 0.8 * longest) if n_kills < options.kills else None)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    n_kills += 1
                    continue
                break
            if process.returncode:
                sys.exit(f"after {n_kills} kills the study failed:\n{errors[-3000:]}")
            mine = ending(folder)
            n_endings += 1
            n_other_modes += mine[0] != modes
            unlike += mine[0] == modes and mine[1] != numbers
            print(f"{n_kills} kills, {n_endings} endings, {unlike} unlike the undisturbed one, {n_other_modes} in another mode",
                  flush=True)
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
