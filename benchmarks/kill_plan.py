"""Kill a plan again and again with SIGKILL and run it again: nothing that was finished may be lost, and no number may differ.

    python benchmarks/kill_plan.py                   # 30 kills
    python benchmarks/kill_plan.py --kills 5 --data breast_cancer --budget 15s

The same command, `epochal plan`, is started and killed at a random moment, also while it imports, measures and writes; it goes on
from the journal until it ends well, and then the next plan begins. After each kill the journal must be readable and hold all that
it held before. What a plan measures, and how long, hangs on the clock; a training that two plans both made (one setting, seed and
stage, in programs of one kind) must have the same losses in both, as far as both went.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from time import perf_counter

COMMAND = [sys.executable, "-c", "from epochal.cli import main; main(prog_name='epochal')", "plan"]


def start(words, folder):
    return subprocess.Popen([*COMMAND, *words, "--out", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def held(path):
    """`(what is held, the trainings by stage, setting, seed and kind of program)` of an evidence or plan file."""
    record = json.loads(path.read_text(encoding="utf-8"))["record"]
    evidence = record.get("evidence", record)
    points = [point for r in evidence["readings"] if r["name"] == "engine" for point in r["points"]]
    kinds = [(point["mode"], point["width"]) for point in points[:1]]
    curves = {str((c["stage"], c["setting"], c["seed"], kinds)): (c["half_a"], c["half_b"]) for c in evidence["curves"]}
    for run in evidence["runs"]:
        one = (run["stage"], run["setting"], run["seed"])
        curves |= {str((*one, mark["n_updates"])): (mark["half_a"], mark["half_b"]) for mark in run["marks"]}
    things = {str((r["name"], r["value"], r["cost"])) for r in evidence["readings"]} | set(curves)
    return things, curves


def unlike_as_far_as_both_went(one, other):
    n = min(len(one[0]), len(other[0]))
    return any(mine[:n] != theirs[:n] for mine, theirs in zip(one, other, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--budget", default="20s")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = [options.data, "--budget", options.budget]
    chance, n_kills, n_endings, n_kept, lost, seen, unlike = random.Random(options.seed), 0, 0, 0, 0, {}, 0
    with tempfile.TemporaryDirectory() as place:
        begun = perf_counter()
        folder = pathlib.Path(place) / "undisturbed"
        _, errors = start(words, folder).communicate()
        if not (folder / "plan.json").exists():
            sys.exit(f"the plan failed:\n{errors[-3000:]}")
        longest = perf_counter() - begun
        seen |= held(folder / "plan.json")[1]
        print(f"undisturbed: {longest:.1f} s, {len(seen)} trainings", flush=True)
        while n_kills < options.kills:
            folder, before = pathlib.Path(place) / f"plan-{n_endings}", set()
            while True:
                process = start(words, folder)
                try:
                    _, errors = process.communicate(timeout=chance.uniform(0.5, longest) if n_kills < options.kills else None)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    n_kills += 1
                    for journal in folder.glob("evidence-*.json"):
                        now = held(journal)[0]
                        n_kept, lost, before = n_kept + 1, lost + len(before - now), now
                    if not (folder / "plan.json").exists():  # else the plan had ended, and the report was being written
                        continue
                break
            if process.returncode and not (folder / "plan.json").exists():
                sys.exit(f"after {n_kills} kills the plan failed:\n{errors[-3000:]}")
            things, curves = held(folder / "plan.json")
            lost += len(before - things)
            unlike += sum(unlike_as_far_as_both_went(curves[key], seen[key]) for key in curves.keys() & seen.keys())
            same, seen = len(curves.keys() & seen.keys()), curves | seen
            n_endings += 1
            print(f"{n_kills} kills ({n_kept} with a journal), {n_endings} endings; lost: {lost}; of {same} trainings made twice "
                  f"{unlike} differ", flush=True)
    sys.exit(1 if lost or unlike else 0)


if __name__ == "__main__":
    main()
