"""How often a plan from whole trainings recommends what it should not, and finds what is there, in worlds whose truth is known.

    python benchmarks/plan_audit.py --worlds 2000

No model is trained: losses are a formula of the updates made and of luck, of the training and of the rows that it is judged on
(`tests/truths/plan_worlds.py`: ten sorts of it take turns, with 8 or 24 seeds, on one split or on five). Ten settings, one of them
the present one. About ten worlds a second.
"""

import argparse
import collections
import pathlib
import sys

from scipy.stats import binomtest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=2000, help="of each kind")
    options = parser.parse_args()
    from rules.worlds import PRESENT
    from truths.plan_worlds import PLANTED, SORTS, recommended

    for kind in ("null", "margin", "planted"):
        changed, right = collections.Counter(), collections.Counter()
        for seed in range(options.worlds):
            luck = SORTS[seed % len(SORTS)]
            taken = recommended(kind, seed, luck)
            changed[luck] += taken != PRESENT
            right[luck] += taken == PLANTED
        each = options.worlds / len(SORTS)
        print(f"{kind}: changed in {share(sum(changed.values()), options.worlds)} of {options.worlds}"
              + (f", to the right one in {share(sum(right.values()), options.worlds)}" if kind == "planted" else ""))
        for luck in SORTS:
            print(f"    {luck}: {changed[luck] / each:.1%}" + (f", right {right[luck] / each:.1%}" if kind == "planted" else ""))


def share(found, n):
    """With Wilson's 95 % interval."""
    ends = binomtest(found, n).proportion_ci(method="wilson")
    return f"{found / n:.1%} ({ends.low:.1%} to {ends.high:.1%})"


if __name__ == "__main__":
    main()
