"""The result of `keskar_f1.py` as the section of docs/evidence.md; before the run, the same with its cells empty."""

import pathlib
import statistics

TEMPLATE = pathlib.Path(__file__).with_name("keskar_f1.md")
PUBLISHED = {"small": "98.03 ± 0.07", "large": "97.81 ± 0.07", "difference": "−0.22"}
PENDING = "not yet run"
_PLANNED = {
    "when": "not run yet.",
    "rows": "55,000 training images, 5,000 more for validation, drawn with a fixed seed, and the file's test images",
    "epochs": 25, "seeds": 5, "trial_seeds": 2, "lag_seeds": 3, "updates": 250, "all_rows": "60,000", "floor": "",
    "sentences": f"* {PENDING}", "same": "the two studies' training losses are compared, run by run (not yet run)"}
ARMS = (("tutorial", "1e-3 for both"), ("epochs", "tuned for each"))


def section(result, ranges, lag, within):
    """Markdown. `result` is what `keskar_f1.py` writes, or `None`; the rest are its constants of the same names."""
    facts = _facts(result) if result else _PLANNED
    return TEMPLATE.read_text(encoding="utf-8").format(
        **facts, table=_table(result), lag=_lag(result, lag), checks=_checks(result, ranges, lag, within),
        within_moving=f"{within[0]:g}", within_reestimated=f"{within[1]:g}").rstrip()


def _facts(result):
    protocol, (n_train, n_validation, n_test) = result["protocol"], result["rows"]
    mended = result["studies"]["0.9"]
    n_same, n_common, explained = result["same_weights"]
    others = "" if n_same == n_common else "; the others " + (
        "were run fused in one study and step by step in the other, which rounds otherwise" if explained else "have not")
    n = sum(study["trainings"] for study in result["studies"].values())
    hours = sum(study["seconds"] for study in result["studies"].values()) / 3600
    floor = mended["arms"]["epochs small"]["floor"]
    return {
        "when": ("**a smoke run, whose figures mean nothing:** " if result["quick"] else "")
                + ("with `--short" + (f" --trial-seeds {protocol['trial_seeds']}" if protocol["trial_seeds"] > 1 else "") + "`, "
                   if protocol["epochs"] == 15 else "")
                + f"{result['date']}, {result['machine']}. The two studies: {n} trainings, {hours:.2g} hours of training.",
        "rows": f"{n_train:,} training images, {n_validation:,} more for validation, drawn with a fixed seed, and {n_test:,} test "
                + "images" + (" (the file at hand holds the first 3,000 of the official 10,000)" if n_test == 3000 else ""),
        **{name: protocol[name] for name in ("epochs", "seeds", "trial_seeds", "lag_seeds")},
        "floor": f"So few test images leave a standard error of {100 * floor:.2f} in each accuracy, common to all arms. " if floor
                 else "",
        "sentences": "\n".join(f"* {arm['sentence']}" for arm in mended["arms"].values() if arm["sentence"]),
        "same": f"{n_same} of the {n_common} trainings that both studies made have the same training losses, to every digit kept"
                + others,
        "all_rows": f"{n_train + n_validation:,}", "updates": mended["arms"]["epochs large"]["updates"]}


def _table(result):
    lines = ["| learning rate | batch | published | lag mended | lag not mended |", "| --- | --- | --- | --- | --- |"]
    for budget, words in ARMS:
        for batch, title in (("small", "256"), ("large", "a tenth of the rows")):
            cells = [_arm(result, momentum, f"{budget} {batch}") for momentum in ("0.9", "0.99")]
            lines.append(f"| {words} | {title} | {PUBLISHED[batch] if budget == 'tutorial' else '–'} | {' | '.join(cells)} |")
        cells = [_difference(result, momentum, f"{budget} large") for momentum in ("0.9", "0.99")]
        lines.append(f"| | large − small | {PUBLISHED['difference'] if budget == 'tutorial' else '–'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _arm(result, momentum, name):
    if result is None:
        return PENDING
    study = result["studies"][momentum]
    arm = study["arms"][name]
    if not arm["test"]:
        return arm["verdict"]
    edge = "" if study["rates"].get(str(arm["batch_size"]), (0, True))[1] else ", the best of those tried at their edge"
    told = f" (rate {arm['rate']:g}{edge})" if name.startswith("epochs") else ""
    return (f"{100 * statistics.mean(arm['test']):.2f} ± {100 * statistics.stdev(arm['test']):.2f}, validation "
            f"{100 * arm['validation']:.2f}{told}")


def _difference(result, momentum, name):
    if result is None:
        return PENDING
    arm = result["studies"][momentum]["arms"][name]
    if arm["difference"] is None:
        return arm["verdict"]
    return f"{100 * arm['difference']:+.2f} ({100 * arm['low']:+.2f} to {100 * arm['high']:+.2f})".replace("-", "−")


def _lag(result, lag):
    lines = ["| batch | updates | moving, 0.99 | (earlier run) | re-estimated | (earlier run) | moving, 0.9 |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    found = {(row["batch"], row["epochs"]): row for row in result["lag"]} if result else {}
    for (batch, epochs), earlier in lag.items():
        row = found.get((batch, epochs))
        size, updates = ("a tenth of the rows", 10 * epochs) if batch == "large" else ("256", 235 * epochs)
        cells = [PENDING if row is None else f"{statistics.mean(row[name]):.3f}" for name in ("moving", "reestimated", "mended")]
        lines.append(f"| {size} | {updates if row is None else row['updates']} | {cells[0]} | {earlier[0]:.3f} | {cells[1]} | "
                     f"{earlier[1]:.3f} | {cells[2]} |")
    return "\n".join(lines)


def _checks(result, ranges, lag, within):
    lines = ["| what | accepted | found | |", "| --- | --- | --- | --- |"]
    about_lag = f"| lag, {len(lag)} rows | moving within {within[0]:g}, re-estimated within {within[1]:g}, not below moving | "
    if result is None:
        lines += [f"| {name} | {low:g} to {high:g} | {PENDING} | |" for name, (low, high) in ranges.items()]
        order = "| order of Hoffer et al. 2017 | large < small ≤ large with its rate tuned "
        return "\n".join([*lines, f"{order}| {PENDING} | |", f"{about_lag}{PENDING} | |"])
    lags = [check for check in result["checks"] if check[0].startswith("lag")]
    for name, value, low, high, passed in result["checks"]:
        if not name.startswith("lag"):
            lines.append(f"| {name} | {low:g} to {high:g} | {value:.4f} | {_verdict(passed)} |")
    failed = [f"{name.removeprefix('lag, ')}: {value:.3f}" for name, value, _, _, passed in lags if not passed]
    lines.append(f"{about_lag}{len(lags) - len(failed)} of {len(lags)}{'; not: ' + '; '.join(failed) if failed else ''} | "
                 f"{_verdict(not failed)} |")
    return "\n".join(lines)


def _verdict(passed):
    return "pass" if passed else "**fail**"
