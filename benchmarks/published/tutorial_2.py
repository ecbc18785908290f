"""Tutorial 2's experiment as it is taught, beside the fair one, on five data sets; prints the section of docs/evidence.md.

    python benchmarks/published/tutorial_2.py --folder tutorial_2      # a kill or Ctrl-C loses nothing: run it again

The tutorial trains batch sizes 32, 256 and 1,024 once each at Adam's default rate for 50 epochs, and compares the lowest
validation losses. Here: the same with every one of the fresh seeds, and then with the learning rate tuned for each batch size, at
equal epochs and equal updates. *made* is scikit-learn's `make_classification` as it comes, 10 features; *harder* has 6 features
that inform and 5 % of the labels wrong; *noisy* draws its labels, the log-odds a sum over five features and one product, so
that no model is right on much more than four rows of five. Of all three 1,600 rows train, 400 validate and 20,000 test. digits
and breast_cancer are cut 64 : 16 : 20. All are standardised by the training rows.
"""

import argparse
import datetime
import os
import pathlib
import platform

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.model_selection import train_test_split

import epochal

SIZES, EPOCHS = (32, 256, 1024), 50
MADE = {"made": {}, "harder": {"n_informative": 6, "n_redundant": 2, "flip_y": 0.1}}


def data(name):
    """`(x, y, validation, test)`, standardised."""
    if name in (*MADE, "noisy"):
        x, y = (noisy(22_000) if name == "noisy"
                else make_classification(n_samples=22_000, n_features=10, random_state=0, **MADE[name]))
        sizes = {"test_size": 20_000}, {"test_size": 400}
    else:
        x, y = {"digits": load_digits, "breast_cancer": load_breast_cancer}[name](return_X_y=True)
        sizes = {"test_size": 0.2}, {"test_size": 0.2}
    x, x_test, y, y_test = train_test_split(x, y, stratify=y, random_state=0, **sizes[0])
    x, x_val, y, y_val = train_test_split(x, y, stratify=y, random_state=0, **sizes[1])
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-6)
    x, x_val, x_test = (((part - mean) / spread).astype("float32") for part in (x, x_val, x_test))
    return x, y.astype("int32"), (x_val, y_val.astype("int32")), (x_test, y_test.astype("int32"))


def noisy(n):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 10))
    log_odds = x[:, :5].sum(1) * 2 / 5**0.5 + x[:, 5] * x[:, 6]
    return x, (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int)


def network(n_features, n_classes):
    """The tutorial's, with a softmax head where there are more than two classes."""
    def build():
        head = ((1, "sigmoid", "binary_crossentropy") if n_classes == 2
                else (n_classes, "softmax", "sparse_categorical_crossentropy"))
        model = keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(64, activation="relu"),
                                  keras.layers.Dense(32, activation="relu"), keras.layers.Dense(head[0], activation=head[1])])
        model.compile(optimizer="adam", loss=head[2], metrics=["accuracy"])
        return model

    return build


def section(name, study):
    task = study.task
    lines = [f"### {name}: {task.n_train:,} rows to train, {task.n_validation:,} to validate, {task.n_test:,} to test", "",
             f"Margin declared: {study.margin:.3g} in validation loss. {study.design.n_seeds} fresh seeds, paired.", "",
             "| compared | batch size | rate | validation loss | difference (95 %) | on the test rows (95 %) | verdict |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for c in study.contrasts:
        how = "as the tutorial does" if c.budget == "tutorial" else f"fair, equal {c.budget}"
        difference = "–" if c.difference is None else f"{c.difference:+.4f} ({c.low:+.4f} to {c.high:+.4f})"
        test = "–" if c.test_difference is None else f"{c.test_difference:+.4f} ({c.test_low:+.4f} to {c.test_high:+.4f})"
        lines.append(f"| {how} | {c.setting.batch_size:,} | {c.setting.learning_rate:.3g} | {c.quality:.4f} | {difference} | "
                     f"{test} | {c.verdict.value} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default="tutorial_2", help="holds the studies, and is where they resume")
    parser.add_argument("--data", default="made,harder,noisy,digits,breast_cancer")
    parser.add_argument("--seeds", type=int, default=16)
    options = parser.parse_args()
    sections = []
    for name in options.data.split(","):
        x, y, validation, test = data(name)
        study = epochal.study(network(x.shape[1], len(set(y.tolist()))), x, y, validation_data=validation, test_data=test,
                              batch_sizes=SIZES, epochs=EPOCHS, equal=("epochs", "steps"), seeds=options.seeds, trial_seeds=5,
                              protocol="tutorial", folder=pathlib.Path(options.folder) / name, verbose=1)
        sections.append(section(name, study))
    versions = ", ".join(f"{module} {version}" for module, version in study.machine.versions)
    print(f"{datetime.date.today()}, {study.machine.n_cores} CPU cores ({platform.machine()}), Python {platform.python_version()}, "
          f"Keras on {study.machine.backend}, {versions}.\n")
    print("\n\n".join(sections))


if __name__ == "__main__":
    main()
