"""What an answer of `epochal plan` is worth where a training takes long: planned at several budgets, then trained by Keras.

For each problem and budget the plan is made; then the default (batch size 32, Adam at 0.001) and what was recommended train by
Keras' `fit` for equal seconds of it (validation left out), with seeds that no plan has seen, and are judged on the same rows.

    KERAS_BACKEND=jax python benchmarks/anytime.py table --budgets 10,30,60 --seconds 30
    KERAS_BACKEND=tensorflow python benchmarks/anytime.py images --mnist mnist.npz
    KERAS_BACKEND=jax python benchmarks/anytime.py texts
"""

import argparse
import time

import keras
import numpy as np

import epochal as ep

layers = keras.layers


def table(_):
    """640,000 rows of 34 columns, 6 % positives, as of payments; the tutorials' network."""
    rng = np.random.default_rng(0)
    x, pull = rng.normal(size=(660_000, 34)).astype("float32"), rng.normal(size=34)
    z = x @ pull * 0.4 + 2 * np.sin(x[:, 0] * x[:, 1]) - 4.5
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-z))).astype("float32")

    def build():
        model = keras.Sequential([keras.Input((34,)), layers.Dense(64, "relu"), layers.Dense(32, "relu"),
                                  layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    return build, (x[:640_000], y[:640_000]), (x[640_000:], y[640_000:])


def images(mnist):
    """MNIST and the usual Keras CNN."""
    with np.load(mnist) as held:
        x, y = (held["x_train"] / 255.0).astype("float32")[..., None], held["y_train"].astype("int32")

    def build():
        model = keras.Sequential([
            keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5),
            layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    return build, (x[:55_000], y[:55_000]), (x[55_000:], y[55_000:])


def texts(_):
    """8,000 texts of 120 words, good if more words are good than bad, a "not" turning the next one; an LSTM in both directions."""
    rng, n = np.random.default_rng(0), 10_000
    x = rng.integers(10, 2000, (n, 120)).astype("int32")
    kinds = rng.random((n, 120))
    x = np.where(kinds < 0.06, rng.integers(1, 4, x.shape), x)
    x = np.where((kinds >= 0.06) & (kinds < 0.12), rng.integers(4, 7, x.shape), x)
    x = np.where((kinds >= 0.12) & (kinds < 0.16), 7, x).astype("int32")
    worth = np.where(x <= 3, 1, np.where(x <= 6, -1, 0))
    turned = np.pad(x, ((0, 0), (1, 0)))[:, :-1] == 7
    y = (np.where(turned, -worth, worth).sum(1) + rng.normal(0, 0.5, n) > 0).astype("float32")

    def build():
        model = keras.Sequential([keras.Input((120,), dtype="int32"), layers.Embedding(2000, 32),
                                  layers.Bidirectional(layers.LSTM(32)), layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    return build, (x[:8000], y[:8000]), (x[8000:], y[8000:])


def trained(build, train, judged, setting, seconds, seed):
    """`[(seconds of fit, loss)]` of one training by Keras' own `fit`, judged at doublings."""
    size, rate = setting
    keras.utils.set_random_seed(seed)
    model = build()
    model.optimizer.learning_rate = rate
    x, y = train
    model.fit(x[: 4 * size], y[: 4 * size], batch_size=size, verbose=0)  # compiles
    model.set_weights(build().get_weights())
    for variable in model.optimizer.variables:
        if "learning_rate" not in variable.path:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    rng, taken, found, order, chunk = np.random.default_rng(seed), 0.0, [], np.empty(0, int), 32
    goal = seconds / 64
    while taken < seconds:
        if len(order) < chunk * size:
            order = np.concatenate([order, rng.permutation(len(x))])
        rows, order = order[: chunk * size], order[chunk * size :]
        begun = time.perf_counter()
        model.fit(x[rows], y[rows], batch_size=size, shuffle=False, verbose=0)
        took = time.perf_counter() - begun
        taken += took
        chunk = max(1, min(int(chunk * min(4.0, max(0.25, (goal - taken) / took))), len(x) // size)) if goal > taken else chunk
        if taken >= goal:
            found.append((taken, float(model.evaluate(*judged, batch_size=1024, verbose=0))))
            goal = max(2 * goal, taken * 1.4)
    return found


def seconds_to(found, loss):
    """When a training first was at a loss or below, or infinity."""
    return next((seconds for seconds, one in found if one <= loss), float("inf"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=("table", "images", "texts"))
    parser.add_argument("--budgets", default="10,30,60", help="seconds of `epochal plan`, separated by commas")
    parser.add_argument("--seconds", type=float, default=30.0, help="of Keras' fit, that each training gets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mnist", help="mnist.npz, for `images`")
    options = parser.parse_args()
    build, train, judged = {"table": table, "images": images, "texts": texts}[options.problem](options.mnist)
    settings, default = {}, (32, 0.001)
    for budget in map(float, options.budgets.split(",")):
        begun = time.perf_counter()
        plan = ep.plan(build, *train, budget=budget, verbose=0)
        settings[budget] = (plan.batch_size.value, plan.learning_rate.value)
        print(f"budget {budget:g} s (whole call {time.perf_counter() - begun:.0f} s): {plan.headline}", flush=True)
    runs = {setting: [trained(build, train, judged, setting, options.seconds, 1000 + seed) for seed in range(options.seeds)]
            for setting in dict.fromkeys([default, *settings.values()])}
    for setting, found in runs.items():
        sooner = [base[-1][0] / seconds_to(run, base[-1][1]) for run, base in zip(found, runs[default], strict=True)]
        losses = " ".join(f"{run[-1][1]:.4f}" for run in found)
        print(f"{setting[0]} at {setting[1]:.3g}: loss after {options.seconds:g} s {losses}; the default's sooner by "
              + " ".join(f"{times:.2f}" for times in sooner), flush=True)


if __name__ == "__main__":
    main()
