"""Two checkouts of Epochal against each other, in turns: whether a change made `fit`, `predict`, `study` or `plan` slower.

    python benchmarks/before_and_after.py ../before .                              # everything, about 25 minutes
    python benchmarks/before_and_after.py ../before . --only fit,predict --rounds 15 --json figures.json

Of `fit` a process of each checkout stays open, and they are asked by turns for a round of some epochs, so that a slow moment of the
machine hits both. Of `predict` too, but a process finds its batch size once, and with it how fast it is: so several pairs of
processes are opened, and each counts once. A whole training, a study and a plan get a fresh process each time, also by turns. The
ratio is seconds after over seconds before; its 95 % interval is Student's t over the logarithms of the rounds' ratios. A change is
*not slower* where the upper end is at most 1.05.
"""

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from scipy.stats import t as student

HERE = Path(__file__).parent
BOUND = 1.05
ROUND = {"mlp": 400, "cnn": 1, "attention": 6, "wide": 1}  # epochs of a round
CALLS = {"mlp": 40, "cnn": 10}                              # calls of predict of a round
N_EPOCHS = 50                                               # of a whole training


def script(name):
    """Another benchmark's module, for its models and rows."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fit_round(case):
    import epochal

    fit, (train, judged, size) = script("fit"), script("fit").rows(case)
    model = fit.network(case)
    return lambda: epochal.fit(model, *train, batch_size=size, epochs=ROUND[case], validation_data=judged, verbose=0)


def predict_round(case):
    import epochal

    model, x = script("predict").problem(case)
    return lambda: [epochal.predict(model, x, verbose=0) for _ in range(CALLS[case])]


def work(kind, case):
    """Answer every line of standard input with the seconds of one round; the first, which compiles, is told as the word `ready`."""
    answers, sys.stdout = sys.stdout, sys.stderr
    once = {"fit": fit_round, "predict": predict_round}[kind](case)
    for _ in range(3):
        once()
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        start = perf_counter()
        once()
        print(perf_counter() - start, file=answers, flush=True)


def of_pairs(checkouts, case, backend, n_pairs):
    """Seconds of a round of `predict`, the geometric mean over each pair of processes: `(before, after)` of every pair."""
    pairs = [steady(checkouts, "predict", case, backend, 4) for _ in range(n_pairs)]
    return [tuple(statistics.geometric_mean(seconds) for seconds in zip(*rounds, strict=True)) for rounds in pairs]


def environment(checkout, backend, cache):
    return os.environ | {"PYTHONPATH": str(Path(checkout).resolve() / "src"), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3",
                         "XDG_CACHE_HOME": str(cache)}


def steady(checkouts, kind, case, backend, n_rounds):
    """Seconds of every round: `(before, after)`."""
    with tempfile.TemporaryDirectory() as folder:
        workers = []
        for number, checkout in enumerate(checkouts):
            said = Path(folder) / f"{number}.txt"
            with open(said, "w") as errors:
                workers.append(subprocess.Popen([sys.executable, "-W", "ignore", __file__, "--work", kind, case],
                                                env=environment(checkout, backend, Path(folder) / str(number)),
                                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True))
            if workers[-1].stdout.readline().strip() != "ready":
                sys.exit(f"{kind} {case} on {backend} does not start in {checkout}:\n{said.read_text()[-3000:]}")
        taken = []
        for number in range(n_rounds):
            pair = {}
            for which in ((0, 1), (1, 0))[number % 2]:
                workers[which].stdin.write("again\n")
                workers[which].stdin.flush()
                pair[which] = float(workers[which].stdout.readline())
            taken.append((pair[0], pair[1]))
        for worker in workers:
            worker.stdin.close()
            worker.wait()
    return taken


def fresh(checkouts, command, backend, n_rounds, *, warm=False, inside=True):
    """Seconds of a command in a fresh process, by its own account (`inside`) or by ours: `(before, after)` of every round."""
    with tempfile.TemporaryDirectory() as folder:
        taken = []
        for number in range(-warm, n_rounds):
            pair = {}
            for which in ((0, 1), (1, 0))[number % 2]:
                cache = Path(folder) / (str(which) if warm else f"{which}-{number}")
                with tempfile.TemporaryDirectory() as empty:
                    start = perf_counter()
                    done = subprocess.run([sys.executable, "-W", "ignore", *command], cwd=empty, capture_output=True, text=True,
                                          check=False, env=environment(checkouts[which], backend, cache))
                    seconds = perf_counter() - start
                if done.returncode:
                    sys.exit(f"{command} failed in {checkouts[which]}:\n{done.stderr[-3000:]}")
                if inside:
                    told = json.loads(done.stdout.splitlines()[-1])
                    seconds = told["seconds"] if isinstance(told, dict) else told
                pair[which] = seconds
            if number >= 0:
                taken.append((pair[0], pair[1]))
    return taken


def ratio(taken):
    """`(ratio, low, high)` of after over before."""
    logs = [math.log(after / before) for before, after in taken]
    reach = student.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return tuple(math.exp(statistics.mean(logs) + step) for step in (0, -reach, reach))


def cases(only, backends, n_rounds, n_pairs):
    """`(name, measure)`, the measure taking the two checkouts."""
    for backend in backends:
        for case in ROUND if "fit" in only else ():
            yield f"fit {case}, {backend}", lambda both, case=case, backend=backend: steady(both, "fit", case, backend, n_rounds)
        for case in CALLS if "predict" in only else ():
            yield f"predict {case}, {backend}", lambda both, case=case, backend=backend: of_pairs(both, case, backend, n_pairs)
        for warm in (False, True) if "whole" in only else ():
            command = [str(HERE / "fit.py"), "--whole", "epochal", "--epochs", str(N_EPOCHS)]
            yield (f"a whole training, {'warm' if warm else 'cold'}, {backend}",
                   lambda both, backend=backend, warm=warm, command=command: fresh(both, command, backend, n_pairs, warm=warm))
    if "study" in only:
        yield "study of 144 trainings, cold", lambda both: fresh(both, [str(HERE / "study.py"), "--role", "ours"], "jax", n_pairs)
    if "plan" in only:
        yield ("plan digits, cold", lambda both: fresh(both, ["-m", "epochal", "plan", "digits"], "jax", max(2, n_pairs // 2),
                                                       inside=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", nargs="?")
    parser.add_argument("after", nargs="?")
    parser.add_argument("--only", default="fit,predict,whole,study,plan")
    parser.add_argument("--backends", default="jax,tensorflow")
    parser.add_argument("--rounds", type=int, default=15, help="of fit")
    parser.add_argument("--pairs", type=int, default=5, help="of predict, whole trainings and studies")
    parser.add_argument("--json", help="write every figure to this file")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| what | before, s | after, s | after / before (95 %) | not slower |\n| --- | --- | --- | --- | --- |")
    found = {}
    for name, measure in cases(options.only.split(","), options.backends.split(","), options.rounds, options.pairs):
        found[name] = taken = measure((options.before, options.after))
        middle, low, high = ratio(taken)
        before, after = (statistics.median(pair[which] for pair in taken) for which in (0, 1))
        print(f"| {name} | {before:.3g} | {after:.3g} | {middle:.3f} ({low:.3f} to {high:.3f}) | "
              f"{'yes' if high <= BOUND else 'not shown'} |", flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
