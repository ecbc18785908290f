"""A scaler, an imputer, a selector or the like that is fitted on all rows, of which some are split off only afterwards."""

from ..values import Story, Value, ancestors, is_none, rows_of
from .asking import fits, number, words, x_of, y_of
from .kind import Kind, Spot

_LEARNS = frozenset(
    {
        "StandardScaler",
        "MinMaxScaler",
        "MaxAbsScaler",
        "RobustScaler",
        "QuantileTransformer",
        "PowerTransformer",
        "KBinsDiscretizer",
        "SimpleImputer",
        "KNNImputer",
        "IterativeImputer",
        "PCA",
        "IncrementalPCA",
        "KernelPCA",
        "TruncatedSVD",
        "FastICA",
        "NMF",
        "SelectKBest",
        "SelectPercentile",
        "SelectFromModel",
        "RFE",
        "RFECV",
        "VarianceThreshold",
        "SelectFdr",
        "SelectFpr",
        "TargetEncoder",
        "TfidfVectorizer",
        "TfidfTransformer",
        "CountVectorizer",
        "Normalization",
        "LinearDiscriminantAnalysis",
        "LDA",
        "ColumnTransformer",
        "SMOTE",
        "ADASYN",
        "RandomOverSampler",
        "BorderlineSMOTE",
        "SMOTENC",
        "SVMSMOTE",
    }
)
_FITS = ("fit", "fit_transform", "adapt", "fit_resample", "fit_sample")
_SPLITS = ("train_test_split", "split")


def _look(story: Story):
    for event in story.calls(*_FITS):
        what = _learner(event.receiver)
        rows = event.argument("X", 0) or event.argument("data")
        if not what or rows is None or _is_part(rows):
            continue
        if any(_goes_into(event, rows, split, story) for split in _splits_after(event, story)):
            yield Spot(
                event.node,
                f"{what} is fitted on all rows here, and some of them are split off afterwards to judge on: what it "
                "learnt of those rows makes the judgement too good.",
            )


def _learner(receiver: Value | None) -> str:
    """The name of what learns from rows, through pipelines; nothing where it is none of those."""
    if receiver is None or receiver.kind not in ("call", "joined"):
        return ""
    if receiver.last in _LEARNS:
        return receiver.last
    if receiver.last in ("Pipeline", "make_pipeline", "make_column_transformer"):
        steps = [one for one in ancestors(receiver, most=200) if one.kind == "call" and one is not receiver]
        if any("predict" in one.last.lower() or one.last.endswith(("Classifier", "Regressor", "Regression")) for one in steps):
            return ""
        return next((one.last for one in steps if one.last in _LEARNS), "")
    return ""


def _is_part(rows):
    """Whether the rows are already a part of a split: of train_test_split, of load_data, a slice, a fold, or named so."""
    for one in rows_of(rows, most=200):
        if one.kind == "item" and one.parents and one.parents[0].last in ("train_test_split", "load_data", "load", "get_data"):
            return True
        if (
            one.kind == "item"
            and one.parents
            and one.parents[0].kind == "item"
            and one.parents[0].parents
            and (one.parents[0].parents[0].last == "load_data")
        ):
            return True
        index = one.keywords.get("[]") if one.kind == "item" else None
        if index is not None and (
            _slices_rows(index) or any(inner.kind == "call" and inner.last == "split" for inner in ancestors(index, most=60))
        ):
            return True
        if (
            one.kind == "call"
            and one.last in ("sample", "take", "skip", "drop")
            and one.base is not None
            and ({"frac", "index", "n"} & one.keywords.keys())
        ):
            return True
        if any(words(name) & {"train", "tr", "trn", "training", "fold"} for name in one.names):
            return True
    return False


def _slices_rows(index):
    node = index.node
    first = node.elts[0] if type(node).__name__ == "Tuple" and node.elts else node
    return type(first).__name__ == "Slice" and (first.lower is not None or first.upper is not None)


def _splits_after(event, story):
    """Later calls that split rows, with what they split."""
    for later in story.events[event.order + 1 :]:
        if later.what != "call":
            continue
        if later.name in _SPLITS and (later.name == "train_test_split" or _splitter(later.receiver)):
            yield later, [*later.arguments]
        elif later.name in ("cross_val_score", "cross_validate", "cross_val_predict"):
            yield later, [*later.arguments[1:]]
    for fit in fits(story):
        share = number(fit, "validation_split", 6)
        if (
            fit.order > event.order
            and fit.argument("validation_split", 6) is not None
            and share not in (0, None)
            and is_none(fit.argument("validation_data"))
        ):
            yield fit, [one for one in (x_of(fit), y_of(fit)) if one is not None]


def _splitter(receiver):
    return (
        receiver is not None
        and receiver.kind == "call"
        and (receiver.last.endswith(("Fold", "Split", "KFold")) or receiver.last.startswith("LeaveOne"))
    )


def _goes_into(event, rows, split, story):
    """Whether what the fitted thing makes of the rows is among what is split."""
    _, given = split
    made = {id(event.result)} if event.name != "fit" and event.name != "adapt" else set()
    origin = {id(one) for one in rows_of(rows, most=200) if one.kind not in ("constant", "module", "function")}
    for later in story.events[event.order + 1 :]:
        if later.what != "call":
            continue
        called = (later.receiver is event.receiver or later.receiver is event.result) and (
            later.name in ("transform", "__call__")
            or (later.node.func is not None and (type(later.node.func).__name__ == "Name" and event.name == "adapt"))
        )
        if called and later.arguments and origin & {id(one) for one in rows_of(later.arguments[0], most=200)}:
            made.add(id(later.result))
    reached = {id(one) for value in given for one in ancestors(value)}
    return bool(made & reached)


KIND = Kind(
    "fitted-before-split",
    "fault",
    "a scaler or selector fitted on all rows before they are split",
    "Split first, fit it on the training rows alone, and transform the others with it (a Pipeline does so in every fold).",
    """x = StandardScaler().fit_transform(x)
x_train, x_test, y_train, y_test = train_test_split(x, y)""",
    """x_train, x_test, y_train, y_test = train_test_split(x, y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)""",
    _look,
)
