"""Tasks of KerasHub, given raw texts and images: trained on rows preprocessed once, they end where their own `fit` ends."""

import functools

import keras
import numpy as np
import pytest
from parity.same_fit import differences, epochal_fit, keras_fit, train

import epochal
from epochal.seam.frozen import features, preprocessing
from epochal.seam.packing import open_packed, pack
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments
from epochal.services.source import ArraySource

pytestmark = [pytest.mark.needs("keras_hub", "tensorflow_text"), pytest.mark.second, pytest.mark.filterwarnings("ignore")]

_BEFORE_THE_BACK_END = pytest.mark.skipif(keras.backend.backend() != "jax", reason="rows of plans are made before a back end runs")
TOLERANCE = 1e-5
WORDS = ["the", "film", "was", "good", "bad", "very", "not", "plot", "great", "end"]
N, N_VALIDATION, LENGTH = 45, 13, 8
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(2, 9))) for _ in range(N)]
LABELS = np.array(["good" in text or "great" in text for text in TEXTS]).astype("int32")
IMAGES = RNG.integers(0, 255, (N, 12, 12, 3)).astype("uint8")
JUDGED = slice(0, N_VALIDATION)


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch):
    monkeypatch.setattr(features, "_COPIED", np.inf)


def hub():
    import keras_hub

    return keras_hub


def compiled(model, **options):
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model


def backbone_of(kind, vocabulary_size, *, lora=False, frozen=False):
    backbone = kind(vocabulary_size=vocabulary_size, num_layers=1, num_heads=2, hidden_dim=16, intermediate_dim=64,
                    max_sequence_length=LENGTH, dropout=0.0)
    if lora:
        backbone.enable_lora(2)
    backbone.trainable = backbone.trainable and not frozen
    return backbone


def classifier(kind=None, *, preprocessor=True, **backbone):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    kind = kind or hub().models.BertTextClassifier
    if preprocessor:
        tokenizer = hub().models.BertTokenizer(vocabulary=vocabulary, lowercase=True)
        preprocessor = hub().models.BertTextClassifierPreprocessor(tokenizer, sequence_length=LENGTH)
    backbone = backbone_of(hub().models.BertBackbone, len(vocabulary), **backbone)
    model = kind(backbone=backbone, num_classes=2, preprocessor=preprocessor or None, dropout=0.0)
    return compiled(model, metrics=["accuracy"]), {"x": TEXTS, "y": LABELS, "validation_data": (TEXTS[JUDGED], LABELS[JUDGED])}


def language_model(**backbone):
    letters = sorted({*"".join(WORDS), "Ġ"})
    vocabulary = {word: i for i, word in enumerate(["!", "<|endoftext|>", *letters, "Ġt", "he", "go"])}
    tokenizer = hub().models.GPT2Tokenizer(vocabulary=vocabulary, merges=["Ġ t", "h e", "g o"])
    preprocessor = hub().models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=LENGTH)
    model = hub().models.GPT2CausalLM(backbone=backbone_of(hub().models.GPT2Backbone, len(vocabulary), **backbone),
                                      preprocessor=preprocessor)
    return compiled(model, weighted_metrics=["accuracy"]), {"x": TEXTS, "validation_data": (TEXTS[JUDGED],)}


def image_classifier(*, frozen=True):
    backbone = hub().models.ResNetBackbone(input_conv_filters=[64], input_conv_kernel_sizes=[3], stackwise_num_filters=[64],
                                           stackwise_num_blocks=[1], stackwise_num_strides=[1], block_type="basic_block",
                                           image_shape=(8, 8, 3))
    backbone.trainable = not frozen
    converter = hub().layers.ResNetImageConverter(image_size=(8, 8), scale=1 / 255)
    preprocessor = hub().models.ResNetImageClassifierPreprocessor(converter)
    model = hub().models.ResNetImageClassifier(backbone=backbone, num_classes=2, preprocessor=preprocessor)
    return compiled(model), {"x": IMAGES, "y": LABELS, "validation_data": (IMAGES[JUDGED], LABELS[JUDGED])}


CASES = {"BERT": classifier, "BERT with LoRA": functools.partial(classifier, lora=True),
         "BERT frozen": functools.partial(classifier, frozen=True), "GPT": language_model,
         "GPT with LoRA": functools.partial(language_model, lora=True), "images, frozen": image_classifier}


def both(make, **options):
    return [train(fit, make, **({"epochs": 2, "batch_size": 8} | options)) for fit in (epochal_fit, keras_fit)]


def alike(ours, theirs):
    return max(differences(ours, theirs).values()) < TOLERANCE


@pytest.mark.parametrize("case", CASES)
def test_raw_rows_are_preprocessed_once_and_the_numbers_are_those_of_the_tasks_own_fit(case):
    ours, theirs = both(CASES[case])
    assert alike(ours, theirs)
    assert "has its own `fit`" not in ours.params["because"]
    assert ("frozen" in ours.params) == ("frozen" in case)


@pytest.mark.parametrize("options", [
    {"validation_split": 0.3, "x": np.array(TEXTS, object), "validation_data": None}, {"class_weight": {0: 1.0, 1: 3.0}},
    {"sample_weight": np.linspace(0.1, 2.0, N)}, {"x": (np.array(TEXTS), np.array(TEXTS[::-1])), "validation_data": None},
    {"y": LABELS.tolist()}, {"validation_freq": 2}])
def test_so_are_they_with_every_option(options):
    ours, theirs = both(classifier, **options)
    assert alike(ours, theirs)
    assert "has its own `fit`" not in ours.params["because"]


@pytest.mark.parametrize(("given", "sentence"), [
    ({"x": []}, "`x` must be at least one row; got 'no rows'"),
    ({"x": (np.array(TEXTS), np.array(TEXTS[:44])), "y": LABELS[:44]}, "got x of 45 rows, x of 44 rows, y of 44 rows"),
    ({"y": LABELS[:7]}, "must be of one length; got x of 45 rows, y of 7 rows"),
    ({"validation_data": (TEXTS, LABELS[:7])}, "must be of one length; got x of 45 rows, y of 7 rows")])
def test_rows_that_do_not_go_together_are_refused_with_a_sentence(given, sentence):
    model, data = classifier()
    for call in (epochal_fit, epochal.plan):
        with pytest.raises(epochal.UsageError, match=sentence):
            call(model, **data | given, verbose=0)


def test_a_plan_says_in_a_sentence_what_the_preprocessor_says():
    model, data = classifier()
    with pytest.raises(epochal.UsageError, match="`x` must be raw rows that the preprocessor .* it says: .*must be strings"):
        epochal.plan(model, ["good", None, "bad"] * 15, data["y"], verbose=0)


def test_without_a_preprocessor_rows_come_in_their_order():
    x = {"token_ids": RNG.integers(0, 12, (N, LENGTH)), "segment_ids": np.zeros((N, LENGTH), "int32"),
         "padding_mask": np.ones((N, LENGTH), "int32")}
    ours, theirs = both(functools.partial(classifier, preprocessor=False), x=x, validation_data=None)
    assert alike(ours, theirs)


def test_the_preprocessor_runs_once_and_not_in_every_epoch(monkeypatch):
    seen, before = [], preprocessing._preprocessed

    def counted(model, rows, which):
        seen.append(len(which))
        return before(model, rows, which)

    monkeypatch.setattr(preprocessing, "_preprocessed", counted)
    train(epochal_fit, classifier, epochs=7, batch_size=8)
    assert sum(seen) == 2 * (N + N_VALIDATION)                            # the second time beside other rows


class Reversed:
    """Rows that are other ones beside other rows."""

    def __call__(self, x):
        return np.flip(x, 0).copy()


def differing(model):
    model.preprocessor = Reversed()
    return model


class LessTheMean:
    """Rows that are other ones beside other rows, whatever their order."""

    def __call__(self, x):
        return x - np.mean(x, 0)


@pytest.mark.parametrize("n", [2, 5, N])
def test_rows_that_depend_on_their_neighbours_are_seen_among_few(n):
    model = image_classifier()[0]
    model.preprocessor = LessTheMean()
    with pytest.raises(features.StepAside, match="depend on their neighbours"):
        preprocessing.prepared(model, RNG.normal(size=(n, 8, 8, 3)).astype("float32"), LABELS[:n])


def masked():
    _, data = classifier()
    tokenizer = hub().models.BertTokenizer(vocabulary=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS], lowercase=True)
    preprocessor = hub().models.BertMaskedLMPreprocessor(tokenizer, sequence_length=LENGTH, mask_selection_length=4)
    model = hub().models.BertMaskedLM(backbone=backbone_of(hub().models.BertBackbone, 15), preprocessor=preprocessor)
    return compiled(model), {"x": data["x"]}


def own_fit():
    class Own(hub().models.BertTextClassifier):
        def fit(self, x, *others, **named):
            return super().fit(x[::-1], *others, **named)

    return classifier(Own)


@pytest.mark.parametrize(("make", "options", "why"), [
    (lambda: (differing(image_classifier()[0]), {"x": RNG.normal(size=(N, 8, 8, 3)).astype("float32"), "y": LABELS}), {},
     "rows that depend on their neighbours"),
    (masked, {}, "other rows in every epoch"), (own_fit, {}, "has its own `fit`"),
    (classifier, {"steps_per_epoch": 3}, "has its own `fit`")])
def test_what_cannot_be_prepared_is_handed_to_the_tasks_own_fit_and_it_is_said(make, options, why):
    assert why in train(epochal_fit, make, epochs=1, batch_size=8, **options).params["because"]


def test_so_is_a_source_of_batches():
    from tensorflow.data import Dataset

    source = Dataset.from_tensor_slices((TEXTS, LABELS)).batch(8)
    ours, theirs = both(classifier, x=source, y=None, batch_size=None)
    assert alike(ours, theirs)
    assert "has its own `fit`" in ours.params["because"]


@_BEFORE_THE_BACK_END
@pytest.mark.parametrize("case", ["BERT with LoRA", "GPT", "images, frozen"])
def test_a_plan_takes_raw_rows_and_the_model_is_left_as_it_was(case):
    keras.utils.set_random_seed(0)
    model, data = CASES[case]()
    before = [np.array(w) for w in model.get_weights()]
    plan = epochal.plan(model, data["x"], data.get("y"), budget=1.0, verbose=0)
    assert model.preprocessor is not None
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    notes = " ".join(plan.evidence.task.notes)
    assert "The model's preprocessor has made the rows" in notes
    assert f"the `fit` of {type(model).__name__} takes them in their order" in notes


@_BEFORE_THE_BACK_END
def test_numbers_may_be_left_to_be_measured_on_raw_rows():
    keras.utils.set_random_seed(0)
    model, data = classifier()
    history = epochal.fit(model, **data, batch_size="auto", epochs=2, budget=0.5, verbose=0)
    assert len(history.epoch) == 2
    assert history.params["resolved"]


@_BEFORE_THE_BACK_END
def test_a_task_with_lora_travels_to_another_process():
    pickler = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")
    model, data = CASES["BERT with LoRA"]()
    source, rows = ArraySource(model, data["x"], data["y"]).open(0)
    here, there = open_rig(source, rows), open_packed(pack(source, rows, pickler))
    assert there.task == here.task
    assert there.present == here.present
    np.testing.assert_array_equal(there.weights(there.fresh(1)), here.weights(here.fresh(1)))


@_BEFORE_THE_BACK_END
def test_raw_rows_may_come_in_batches():
    rows = [(IMAGES[:8], LABELS[:8]), (IMAGES[8:20], LABELS[8:20])]
    plan = epochal.plan(image_classifier()[0], lambda size: (batch for batch in rows), budget=0.5, verbose=0)
    assert "The model's preprocessor has made the rows" in " ".join(plan.evidence.task.notes)


def test_a_model_with_a_preprocessor_is_refused_on_rows_that_it_has_not_made():
    with pytest.raises(epochal.Unsupported, match="has a preprocessor, which has not made these rows"):
        open_rig(image_classifier()[0], data_from_arguments(IMAGES[:, :8, :8], LABELS))
