"""Faults put into a copy of the package on purpose, one at a time: the tests of the first tier must notice each of them.

    python tests/mutants.py            all of them; the outcome of each goes into tests/results.jsonl
    python tests/mutants.py holm nan   those whose name holds one of these words
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from time import perf_counter
from typing import NamedTuple

from results import write_down

ROOT = pathlib.Path(__file__).parents[1]


class Mutant(NamedTuple):
    """One fault: in `file` of src/epochal, `old`, which stands there once, becomes `new`; `tests` must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = (
    Mutant("wrong sign in a comparison", "rules/plan/compare.py", "Verdict.WORSE if low > 0 else", "Verdict.WORSE if low < 0 else",
           "tests/rules/test_compare.py"),
    Mutant("wrong quantile of Student's t", "base/stats.py", "stdtrit(degrees, 0.975)", "stdtrit(degrees, 0.95)",
           "tests/base/test_stats.py"),
    Mutant("interval too narrow", "base/stats.py", "values.std(ddof=1)) / np.sqrt(values.size)",
           "values.std(ddof=0)) / np.sqrt(values.size)", "tests/base/test_stats.py"),
    Mutant("Holm dropped", "base/stats.py", "p[order] * np.arange(p.size, 0, -1)", "p[order]", "tests/base/test_stats.py"),
    Mutant("equivalence on the wrong side of the margin", "base/pairs.py", "_above(margin - abs(mean), error",
           "_above(margin + abs(mean), error", "tests/base/test_equivalence.py"),
    Mutant("nan as an improvement", "rules/patience.py", "if loss < best:", "if not loss >= best:",
           "tests/rules/test_patience.py"),
    Mutant("patience of early stopping off by one", "rules/patience.py", "epoch - kept >= patience", "epoch - kept > patience",
           "tests/rules/test_patience.py"),
    Mutant("lossy JSON", "records/store.py", "document = json.loads(text)",
           'document = json.loads(text, parse_float=lambda digits: float(f"{float(digits):.9g}"))', "tests/records/test_store.py"),
    Mutant("import upward", "rules/margin.py", "import math\n", "import math\n\nfrom ..engine import Lane as Lane\n",
           "tests/architecture/test_floors.py"),
    Mutant("short last batch not counted as a step", "rules/scaling.py", "return -(-int(n) // int(batch_size))",
           "return max(1, int(n) // int(batch_size))", "tests/truths/test_accounting_truth.py"),
    Mutant("short last batch weighs as a full one", "engine/train.py", "min(size, n - i * size) / n for i", "1 / steps for i",
           "tests/engine/test_engine_train.py"),
    Mutant("every epoch in the same order", "engine/lanes.py", 'stream(seed, "order", epoch)', 'stream(seed, "order")',
           "tests/engine/test_engine_train.py"),
    Mutant("checkpoint forgets the optimizer's slots", "training/checkpoint/checkpoint.py", '"slots": model.optimizer.variables,',
           '"slots": model.optimizer.variables[:2],', "tests/training/test_checkpoint.py"),
    Mutant("validation_split takes the first rows", "training/fit/arguments.py", "return rows(0, at), rows(at, n)",
           "return rows(n - at, n), rows(0, n - at)", "tests/training/test_fit_arguments.py"),
    Mutant("a journal not written", "services/plan.py", "save(evidence, self.path)", "os.fspath(self.path)",
           "tests/services"),
    Mutant("the margin taken as zero", "rules/margin.py", "return margin, max(", "return 0.0, max(", "tests/rules/test_margin.py"),
    Mutant("seeds not paired", "rules/plan/compare.py", "[cross_fitted(runs[b][pair]) for pair in pairs]",
           "[cross_fitted(runs[b][pair]) for pair in reversed(pairs)]", "tests/rules/test_compare.py"),
    Mutant("epoch chosen and judged on the same rows", "rules/plan/quality.py", "curve.half_a[_lowest(curve.half_b)]",
           "curve.half_a[_lowest(curve.half_a)]", "tests/rules/test_quality.py"),
    Mutant("grid of a plan's learning rates not widened", "rules/plan/learning_rates.py",
           "[neighbour(best, present, 1)] if best == ordered[-1] else []", "[]", "tests/rules/test_rates.py"),
    Mutant("grid of a study's learning rates not widened", "rules/study/rate_search.py",
           "[neighbour(highest, present, 1)] * (found.value == highest)", "[]", "tests/rules/test_rate_search.py"),
    Mutant("a group in two parts of the split", "tables/split.py", "np.isin(group_of_row, part)",
           "np.isin(np.roll(group_of_row, 1), part)", "tests/tables/test_split_rows.py"),
    Mutant("tested on the past", "tables/split.py", 'np.argsort(order_of_row, kind="stable")', "np.arange(len(order_of_row))",
           "tests/tables/test_split_rows.py"),
    Mutant("exit status 0 on an error", "cli/main.py", "sys.exit(CANNOT)", "sys.exit(0)", "tests/cli/test_cli_refusals.py"),
    Mutant("a stop ignored", "base/stop.py", "        if self._event.is_set():\n            raise Stopped", "        return",
           "tests/base/test_stop.py"),
    Mutant("class weights applied to validation", "training/fit/fit.py",
           "sample_weight=weight, like=like)", "sample_weight=weight, like=like, class_weight=request.class_weight)",
           "tests/training/test_fit_arguments.py"),
    Mutant("predictions in another order", "training/predict/outputs.py", "array[first:last] = block",
           "array[first:last] = block[::-1]", "tests/training/test_predict_same.py"),
    Mutant("one dropout stream for all lanes", "seam/rigs/twin.py", 'integer(seed, "dropout", i)', 'integer(0, "dropout", i)',
           "tests/contracts/test_keras_rigs.py"),
    Mutant("slots of one seed for all lanes", "seam/rigs/twin.py", "self._cold_slots(weights) if self._slots_are_of_weights else",
           "[a.copy() for a in self._first_slots] if self._slots_are_of_weights else", "tests/parity/test_every_optimizer.py"),
    Mutant("the batch of least time upside down", "rules/scaling.py", "math.sqrt(b_crit * t0 / c)", "math.sqrt(b_crit * c / t0)",
           "tests/truths/test_time_optimal_truth.py"),
    Mutant("a race judged on the rows that chose", "rules/race/standings.py", 'judge="half_a") for runs in (mine, theirs)',
           'judge="half_b") for runs in (mine, theirs)', "tests/rules/test_race_standings.py"),
    Mutant("a race timed on the rows that chose", "rules/race/standings.py", "np.mean(mark.half_a) for mark in marks",
           "np.mean(mark.half_a + mark.half_b) for mark in marks", "tests/rules/test_race_judge.py"),
    Mutant("a shrinking lead in a race believed", "rules/race/judge.py", "last.sooner >= _SHRUNK * leads[-2].sooner and", "",
           "tests/rules/test_race_judge.py"),
    Mutant("a lead in a race believed without its interval", "rules/race/judge.py", "if last.high < 0 and",
           "if last.difference < 0 and", "tests/rules/test_race_judge.py"),
    Mutant("rows left out of an interval over both", "base/stats.py", "(np.ma.mean(values, 1), np.ma.mean(values, 0))]",
           "(np.ma.mean(values, 1),)]", "tests/base/test_two_way_interval.py"),
    Mutant("a cheaper setting shown no worse by itself alone", "rules/plan/compare.py", "zip(tables, holm(p_values), strict=True)",
           "zip(tables, p_values, strict=True)", "tests/rules/test_rows_and_seeds.py"),
    Mutant("a fold trained on rows that it holds out", "engine/lanes.py", "rig.folds[lane.fold].train[places] if lane.fold else",
           "places if lane.fold else", "tests/engine/test_engine_train.py"),
    Mutant("training rows held out beside the user's trained on", "seam/rows.py", "(np.setdiff1d(np.arange(n), held), *both)",
           "(np.arange(n)[: n - n_part], *both)", "tests/seam/test_rows.py"),
    Mutant("a group on both sides", "seam/rows.py", "for train, held in drawn:",
           "for (_, held), (train, _) in zip(drawn, drawn[1:] + drawn[:1], strict=True):", "tests/seam/test_rows.py"),
    Mutant("training rows unlike the user's judged all the same", "rules/plan/folds.py", "abs(found.value) > found.detail(_UNLIKE)",
           "False", "tests/experiments/test_study_run.py"),
    Mutant("fixed epochs stretched for larger batches", "experiments/run.py", "if self.evidence.most_epochs is None else size",
           "if True else size", "tests/experiments/test_study_run.py"),
    Mutant("a race that forgets fixed epochs", "rules/plan/from_race.py", "if judged.change and judged.leads and most and",
           "if False and", "tests/rules/test_present.py"),
    Mutant("what learnt nothing not told", "rules/plan/learnt.py", "if least < without or", "if True or",
           "tests/rules/test_learnt.py"),
    Mutant("rows that are harder for all counted as worse", "rules/plan/decide.py", "_decide(levelled(evidence.allowed()), goal)",
           "_decide(evidence.allowed(), goal)", "tests/rules/test_rows_and_seeds.py"),
    Mutant("the last of equals gets a pooling's gradient", "seam/convolutions/pooling.py", "keep = best >= seen",
           "keep = best > seen", "tests/seam/test_convolutions.py"),
    Mutant("dilation lost in a transposed convolution", "seam/convolutions/products.py", "before = lo - i * d", "before = lo - i",
           "tests/seam/test_convolutions.py"),
    Mutant("dilation lost in a convolution", "seam/convolutions/products.py",
           "start = [i * d for i, d in zip(place, dilation, strict=True)]", "start = list(place)",
           "tests/seam/test_convolutions.py"),
    Mutant("convolutions stay in loops", "seam/trainee/jax.py", "held[name] = with_products(getattr(model, name))",
           "held[name] = getattr(model, name)", "tests/seam/test_trainee_jax.py"),
)


def main(words):
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    outcomes = [outcome(mutant) for mutant in chosen]
    survivors = [mutant.name for mutant, found in zip(chosen, outcomes, strict=True) if found != "noticed"]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed" + "".join(f"\nnot noticed: {name}" for name in survivors))
    return 1 if survivors else 0


def outcome(mutant):
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = _outcome(mutant, pathlib.Path(folder))
    write_down(ROOT / "tests" / "results.jsonl", f"mutant: {mutant.name}", found, perf_counter() - start, {"tests": mutant.tests})
    print(f"{found:<10} {mutant.name}", flush=True)
    return found


def _outcome(mutant, copy):
    for name in ("src", "tests", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, copy / name)
    path = copy / "src" / "epochal" / mutant.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.count(mutant.old) != 1:
        return "stale"                         # the code has changed: mend the mutant
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *mutant.tests.split()]
    done = subprocess.run(command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy / "src")}, capture_output=True, check=False)
    return {0: "SURVIVED", 1: "noticed"}.get(done.returncode, "broke")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
