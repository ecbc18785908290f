"""Runs the clean scripts and the mutants that `epochal check` is tested on, and counts those that run and come out differently.

    KERAS_BACKEND=jax python benchmarks/check_mutants.py

A mutant runs with the seed its clean script runs with. It differs where the number of updates, the losses of any training, the
weights after it, the rows handed to it, or what is printed differ. Prints a line for each that does not, and the counts.
"""

import ast
import contextlib
import hashlib
import io
import pathlib
import sys
import tempfile
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

import keras
import numpy as np
from codecheck.corpus import FILES, all_mutants, module_of
from codecheck.restyle import restyled


def what_happens(text):
    """All that can be seen of a run: each training's losses, updates and weights, and what was printed; or the error."""
    seen, original = [], keras.Model.fit

    def fit(self, *arguments, **options):
        history = original(self, *arguments, **options)
        weights = hashlib.sha256(b"".join(np.asarray(one).tobytes() for one in self.get_weights())).hexdigest()[:12]
        seen.append((str(history.history), int(np.asarray(self.optimizer.iterations)), weights, sorted(options)))
        return history

    keras.utils.set_random_seed(1)
    keras.backend.clear_session()
    printed = io.StringIO()
    keras.Model.fit = fit
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(text, "script", "exec"), {"__name__": "__main__"})
    except (ArithmeticError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, TypeError,
            ValueError) as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        keras.Model.fit = original
    return seen, printed.getvalue()


def main():
    clean, runs, differs = {}, 0, 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in FILES:
            clean[name] = what_happens(ast.unparse(restyled(module_of(name), 0)))
            if clean[name][0] is None:
                print(f"{name} does not run: {clean[name][1]}"[:300], flush=True)
        print(f"clean: {sum(one[0] is not None for one in clean.values())} of {len(FILES)} run", flush=True)
        mutants = list(all_mutants())
        for name, kind, form, _, text in mutants:
            seen, said = what_happens(text)
            runs += seen is not None
            differs += seen is not None and (seen, said) != clean[name]
            if seen is None or (seen, said) == clean[name]:
                print(f"{name}: {kind} ({form}): {said if seen is None else 'comes out the same'}"[:300], flush=True)
    print(f"mutants: {runs} of {len(mutants)} run, {differs} differ from their clean script")


if __name__ == "__main__":
    main()
