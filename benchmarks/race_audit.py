"""How often a race recommends what it should not, and finds what is there: whole races on made-up trainings whose truth is known.

    python benchmarks/race_audit.py                              # 2,000 worlds where nothing differs, 500 of each other kind
    python benchmarks/race_audit.py --kind null --worlds 2000 --budget 120

A world is a rig in time of its own (`tests/truths/race_worlds.py`): losses are a curve in seconds, and luck: of the seed, of the
training (for good, and coming and going), of its pace, of the validation rows, of what a setting makes of them, and of what a
training makes of them. On it the race and the decision run as they are; only the loop over updates is skipped. Twelve sorts of luck
take turns: curves that still fall when the race ends and flat ones, luck of a training from a seventh of the margin to more than
it, of rows small and large. Kinds:

    null      all settings are alike after equal seconds
    margin    all others fall three times sooner, to a loss that is higher by just the margin; the present one is flat in the end
    planted   one setting, with no more noise left in its weights than the present one, trains three times sooner
    crossing  the same, but it ends higher: behind from a quarter of the race on, or only after it, soon or late
    trap      the noise decides: the more, the sooner early, and the higher in the end; curves cross as there
"""

import argparse
import collections
import os
import pathlib
import platform
import statistics
import sys
from time import perf_counter, process_time

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

from scipy.stats import binomtest
from truths.race_worlds import BUDGET, KINDS, PRESENT, play, worlds

HEAD = ("kind", "worlds where", "worlds", "a change is recommended (95 %)", "to the planted setting",
        "to one that ends worse by more than the margin")


def share(found, n):
    """With Wilson's interval."""
    ends = binomtest(found, n).proportion_ci(method="wilson")
    return f"{found} = {found / n:.1%} ({ends.low:.1%} to {ends.high:.1%})"


def row(kind, name, pairs):
    """A line of the table, for `(world, how its race ended)` pairs."""
    n, changed = len(pairs), [(world, played) for world, played in pairs if played.setting != PRESENT]
    right = sum(played.setting == world.planted for world, played in changed)
    worse = sum(world.is_worse_in_the_end(played.setting) for world, played in changed)
    cells = (kind, name, n, share(len(changed), n), share(right, n) if kind in ("planted", "crossing") else "–",
             share(worse, n) if kind in ("crossing", "trap") else "–")
    return f"| {' | '.join(map(str, cells))} |"


def groups(kind, pairs):
    """`{name: pairs}`: all, and by what matters: where curves cross, or the sort of luck."""
    found = {"all": pairs}
    for world, played in pairs:
        shape = f"curves {'fall on' if world.luck.shape < 1 else 'are flat in the end'}"
        names = ([f"they cross {world.crossing}"] if kind in ("crossing", "trap") else
                 [shape, f"{shape}; luck of runs {world.luck.run}, of rows {world.luck.rows}"])
        for name in names:
            found.setdefault(name, []).append((world, played))
    return {name: found[name] for name in ("all", *sorted(set(found) - {"all"}))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--worlds", type=int, help="of each kind; 2,000 of null and 500 of each other")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of each race, in its own time")
    asked = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; races of {asked.budget:g} s\n")
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
    begun, busy, told = perf_counter(), process_time(), []
    for kind in asked.kind:
        pairs = [(world, play(world)) for world in worlds(kind, asked.worlds or (2000 if kind == "null" else 500), asked.budget)]
        for name, some in groups(kind, pairs).items():
            print(row(kind, name, some), flush=True)
        levels = sorted(played.level for _, played in pairs)
        whys = collections.Counter(played.judged.why.name for _, played in pairs).most_common()
        told.append(f"{kind}: last level {levels[0]:.3g} to {levels[-1]:.3g} s, median {statistics.median(levels):.3g} s; "
                    + ", ".join(f"{why} {n}" for why, n in whys))
    print("\n" + "\n".join(told))
    print(f"\n{perf_counter() - begun:.0f} s, {process_time() - busy:.0f} s of them busy")


if __name__ == "__main__":
    main()
