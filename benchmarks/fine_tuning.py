"""A plan for fine-tuning beside every rate and batch size tried in hindsight.

    python benchmarks/fine_tuning.py                       # both networks on digits, three seeds
    python benchmarks/fine_tuning.py --cases bert,bert_lora,gpt,gpt_lora --budget 60
    python benchmarks/fine_tuning.py --cases mobilenet_frozen,mobilenet_thawed --mnist mnist.npz --budget 60

A model learns one half of something, and is tuned on few rows of the other half. A plan (`epochal.plan`, which starts from what was
learned by itself) and Keras' default (batch size 32, Adam at 0.001) stand beside a scan: rates from 1e-6 to 0.1 in half decades at
batch sizes 8, 32 and 128. Each training has early stopping on validation rows; told is the loss on other rows, the mean of the
seeds.

*classes*: digits of scikit-learn, 0 to 4, then a new head for 5 to 9, all of it tuned. *few*: all ten digits from 900 rows, then 60
others. *bert*, *gpt* (KerasHub, given raw texts): a language of made-up words, then the same grammar with other words; to tell
whether a sentence praises, or to go on with it; *_lora*: with LoRA of rank 4. *mobilenet_frozen*: MNIST in colour, 0 to 4, then a
new head for 5 to 9 on the frozen MobileNetV2; *mobilenet_thawed*: then all of it.
"""

import argparse
import functools
import os
import tempfile
import warnings
from time import perf_counter

import keras
import numpy as np
from sklearn.datasets import load_digits

import epochal

RATES = [10 ** (k / 2) for k in range(-12, -1)]
SIZES = (8, 32, 128)
LENGTH = 12
OFTEN, RARELY = (100, 10), (15, 4)  # epochs and patience; of a dear model


def compiled(model, rate=1e-3, **options):
    model.compile(keras.optimizers.Adam(rate), **({"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]} | options))
    return model


def cut(rows, *ends):
    starts = (0, *ends[:-1])
    return [tuple(part[a:b] for part in rows) for a, b in zip(starts, ends, strict=True)]


def network(n_classes):
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((64,)), dense(64, "relu"), dense(32, "relu"), dense(n_classes, "softmax")])


def digits(name, seed):
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    x, y = (data.data[order] / 16).astype("float32"), data.target[order]
    if name == "classes":
        old = y < 5
        learned = compiled(network(5))
        epochal.fit(learned, x[old], y[old], epochs=40, verbose=0)
        rows = cut((x[~old], y[~old] - 5), 150, 300, int((~old).sum()))
        kept = learned.get_weights()[:-2]
    else:
        learned = compiled(network(10))
        epochal.fit(learned, x[:900], y[:900], epochs=40, verbose=0)
        rows = cut((x[900:], y[900:]), 60, 120, len(y) - 900)
        kept = learned.get_weights()

    def make(rate=1e-3):
        model = network(5 if name == "classes" else 10)
        model.set_weights([*kept, *model.get_weights()[len(kept):]])
        return compiled(model, rate)

    return make, *rows


def words_of(half):
    """Made-up words of one half of a language, by what they do in a sentence."""
    rng = np.random.default_rng(100 + half)
    kinds = {"thing": 12, "does": 8, "praise": 8, "blame": 8}
    drawn = list(dict.fromkeys("".join(rng.choice(list("bdfgklmnprst" if i % 2 == 0 else "aeiou")) for i in range(4)) + "xz"[half]
                               for _ in range(200)))
    return {kind: [drawn.pop() for _ in range(n)] for kind, n in kinds.items()}


def sentences(half, n, seed):
    """`(texts, whether each praises)`: "the THING DOES (not) WORD and (not) WORD"."""
    rng, words = np.random.default_rng([half, seed]), words_of(half)
    texts, praises = [], []
    for _ in range(n):
        said, total = ["the", rng.choice(words["thing"]), rng.choice(words["does"])], 0
        for i in range(rng.integers(1, 4)):
            good, denied = rng.integers(2), rng.integers(4) == 0
            said += [*(["and"] if i else []), *(["not"] if denied else []), rng.choice(words["praise" if good else "blame"])]
            total += (1 if good else -1) * (-1 if denied else 1)
        texts.append(" ".join(said))
        praises.append(total > 0)
    return np.array(texts, object), np.array(praises, "int32")


def task_of_keras_hub(kind):
    import keras_hub as hub

    words = ["the", "and", "not", *(word for half in (0, 1) for some in words_of(half).values() for word in some)]
    shape = {"num_layers": 2, "num_heads": 2, "hidden_dim": 32, "intermediate_dim": 64, "max_sequence_length": LENGTH}
    if kind == "bert":
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
        tokenizer = hub.models.BertTokenizer(vocabulary=vocabulary, lowercase=True)
        return hub.models.BertTextClassifier(
            hub.models.BertBackbone(vocabulary_size=len(vocabulary), **shape), num_classes=2,
            preprocessor=hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=LENGTH))
    whole = [f"Ġ{word}" for word in words] + words
    merges, parts = [], {"!": 0, "<|endoftext|>": 1} | {letter: i + 2 for i, letter in enumerate(sorted({*"Ġ".join(words)}))}
    for word in whole:
        for end in range(1, len(word)):
            pair = f"{word[:end]} {word[end]}"
            merges += [] if pair in merges else [pair]
            parts.setdefault(word[: end + 1], len(parts))
    tokenizer = hub.models.GPT2Tokenizer(vocabulary=parts, merges=merges)
    return hub.models.GPT2CausalLM(hub.models.GPT2Backbone(vocabulary_size=len(parts), **shape),
                                   hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=LENGTH))


def language(name, seed):
    kind, lora = name.removesuffix("_lora"), name.endswith("_lora")
    loss = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": []}
    learned = compiled(task_of_keras_hub(kind), **loss)
    answers = slice(0, 2 if kind == "bert" else 1)
    epochal.fit(learned, *sentences(0, 1500, seed)[answers], epochs=12, batch_size=32, verbose=0)
    kept = learned.get_weights()

    def make(rate=1e-3):
        model = task_of_keras_hub(kind)
        model.set_weights(kept)
        if lora:
            model.backbone.enable_lora(4)
        return compiled(model, rate, **loss)

    return make, *cut(sentences(1, 1300, seed)[answers], 150, 300, 1300)


def in_colour(path, seed):
    """MNIST, 32 × 32, each digit of one colour on another that is darker."""
    rng, known = np.random.default_rng(seed), np.load(path)
    rows = rng.permutation(len(known["y_train"]))[:8000]
    shape = np.pad(known["x_train"][rows], ((0, 0), (2, 2), (2, 2)))[..., None] / 255.0
    ink, paper = rng.uniform(0.2, 1, (2, len(rows), 1, 1, 3)) * np.array([1, -1]).reshape(2, 1, 1, 1, 1)
    return (shape * ink + (1 - shape) * paper).astype("float32"), known["y_train"][rows].astype("int32")


def mobilenet(base, *, frozen):
    base.trainable = not frozen
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, keras.layers.Dense(5, "softmax")(base(inputs, training=False)))


def images(name, seed, path):
    x, y = in_colour(path, seed)
    old = y < 5
    base = functools.partial(keras.applications.MobileNetV2, (32, 32, 3), alpha=0.35, weights=None, include_top=False,
                             pooling="avg")
    whole = base()
    learned = compiled(keras.Sequential([keras.Input((32, 32, 3)), whole, keras.layers.Dense(5, "softmax")]))
    epochal.fit(learned, x[old], y[old], epochs=12, batch_size=64, verbose=0)
    epochal.reestimate_batch_norm(learned, x[old])  # at Keras' momentum of 0.999 they are far behind
    kept, rows = whole.get_weights(), cut((x[~old], y[~old] - 5), 300, 600, 2600)
    head = None

    def make(rate=1e-3):
        below = base()
        below.set_weights(kept)
        model = mobilenet(below, frozen=name == "mobilenet_frozen")
        if head is not None:
            model.layers[-1].set_weights(head)
        return compiled(model, rate)

    if name == "mobilenet_thawed":
        below = base()
        below.set_weights(kept)
        first = compiled(mobilenet(below, frozen=True))
        epochal.fit(first, *rows[0], epochs=30, verbose=0)
        head = first.layers[-1].get_weights()
    return make, *rows


def case(name, seed, mnist):
    """`(a function that makes the model to tune, rows to train on, to validate on, to test on)`."""
    keras.utils.set_random_seed(seed)
    if name.startswith("mobilenet"):
        return images(name, seed, mnist)
    return (digits if name in ("classes", "few") else language)(name, seed)


def tuned(make, rate, size, train, validation, test, seed, epochs, patience):
    """The loss on test rows after a training with early stopping."""
    keras.utils.set_random_seed(seed)
    model = make(rate)
    stopping = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    epochal.fit(model, *train, batch_size=size, epochs=epochs, validation_data=validation, callbacks=[stopping], verbose=0)
    return judged(model, test)


def judged(model, test):
    return model.evaluate(*test, batch_size=256, verbose=0, return_dict=True)["loss"]


def keeping_programs(kept):
    """Whether what is compiled is found again, so that a scan compiles each batch size once; JAX alone does so."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_compilation_cache", kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="classes,few")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=30.0)
    parser.add_argument("--mnist", help="mnist.npz")
    parser.add_argument("--plans-only", action="store_true", help="beside Keras' default alone, without the scan")
    given = parser.parse_args()
    warnings.simplefilter("ignore", epochal.Advice)
    for name in given.cases.split(","):
        found, rows, lengths = {}, [], RARELY if name == "mobilenet_thawed" else OFTEN
        for seed in range(given.seeds):
            make, train, validation, test = case(name, seed, given.mnist)
            before = judged(make(), test)
            keeping_programs(True)
            for size in SIZES if not given.plans_only else (32,):
                for rate in RATES if not given.plans_only else (RATES[6],):
                    found.setdefault((size, rate), []).append(tuned(make, rate, size, train, validation, test, seed, *lengths))
            keeping_programs(False)
            begun = perf_counter()
            plan = epochal.plan(make(), *train, validation_data=validation, budget=given.budget, verbose=0, seed=seed)
            took = perf_counter() - begun
            size, rate, epochs = plan.batch_size.value, plan.learning_rate.value, plan.epochs.value
            loss = tuned(make, rate, size, train, validation, test, seed, epochs, plan.stopping.patience)
            rows.append((seed, before, size, rate, epochs, loss, took, plan.harm, plan.headline))
            print(f"  seed {seed}: before {before:.4g}, plan {size} at {rate:.3g}, {epochs} epochs: {loss:.4g}, the default "
                  f"{found[32, RATES[6]][-1]:.4g}, the best of the scan {min(values[-1] for values in found.values()):.4g} "
                  f"(planned in {took:.0f} s){'; ' + plan.harm if plan.harm else ''}\n    {plan.headline}", flush=True)
        best = min(found, key=lambda at: np.mean(found[at]))
        print(f"{name}: best of the scan (loss {np.mean(found[best]):.4g}): batch size {best[0]}, rate {best[1]:.3g}; "
              f"Keras' default: {np.mean(found[32, RATES[6]]):.4g}; before tuning {np.mean([row[1] for row in rows]):.4g}; "
              f"the plans: {np.mean([row[5] for row in rows]):.4g}")
        for size in SIZES if not given.plans_only else ():
            print(f"  scan, batch size {size}: " + ", ".join(f"{rate:.2g}: {np.mean(found[size, rate]):.3g}" for rate in RATES),
                  flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}
        if keras.backend.backend() == "jax":
            import jax

            jax.config.update("jax_compilation_cache_dir", folder)
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        main()
