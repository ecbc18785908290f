"""`shuffle=False` in training where rows have no order to keep."""

from ..values import Story, ancestors, constant
from .asking import cuts_batches, fits, number, words, x_of
from .kind import Kind, Spot

_ORDERED_LAYERS = {
    "LSTM",
    "GRU",
    "SimpleRNN",
    "RNN",
    "ConvLSTM2D",
    "ConvLSTM1D",
    "TCN",
    "stateful",
    "reset_states",
    "reset_state",
    "timeseries_dataset_from_array",
    "TimeseriesGenerator",
    "TimeSeriesSplit",
    "Bidirectional",
    "LSTMCell",
}
_ORDERED_WORDS = {
    "series",
    "timeseries",
    "forecast",
    "forecasting",
    "lookback",
    "window",
    "windows",
    "lag",
    "lags",
    "horizon",
    "stock",
    "sequential_data",
    "temporal",
    "sensor",
    "energies",
    "timestep",
    "timesteps",
}
_ARRAYS = ("numpy.", "sklearn.", "pandas.", "keras.datasets.", "scipy.")
_CUTS = (
    "flow",
    "flow_from_directory",
    "flow_from_dataframe",
    "image_dataset_from_directory",
    "text_dataset_from_directory",
    "audio_dataset_from_directory",
    "DataLoader",
)


def _look(story: Story):
    if story.names & _ORDERED_LAYERS or any(words(name) & _ORDERED_WORDS for name in story.names):
        return
    shuffled_by_hand = any(
        event.name in ("shuffle", "permutation") and event.loops for event in story.calls("shuffle", "permutation")
    )
    for fit in fits(story):
        if number(fit, "epochs") == 1 or fit.argument("epochs", 3) is None or shuffled_by_hand:
            continue
        if number(fit, "shuffle", 8) is False and not cuts_batches(x_of(fit)) and _are_arrays(x_of(fit)):
            yield Spot(
                fit.node,
                "shuffle=False trains on the rows in the same order in every epoch: batches are always the same, and "
                "where rows are in order each update sees rows of one kind.",
            )
            continue
        if made := _loader(x_of(fit)):
            yield Spot(
                made.node,
                f"{made.last}(shuffle=False) makes the batches that are trained on: every epoch has the same batches, "
                "and files of one class come together.",
            )


def _are_arrays(x):
    """Whether rows are known to be arrays in memory: made by NumPy, pandas or scikit-learn, or loaded by Keras."""
    return any(
        one.kind == "call" and (one.path.startswith(_ARRAYS) or one.last in ("load_data", "train_test_split"))
        for one in ancestors(x, most=1000)
    )


def _loader(x):
    value = x
    while value is not None:
        if value.kind == "item" and value.parents:
            value = value.parents[0]
            continue
        if value.kind == "call" and value.last in _CUTS and constant(value.keywords.get("shuffle")) is False:
            return value
        if value.kind != "call" or (value.last == "shuffle"):
            return None
        value = value.base
    return None


KIND = Kind(
    "not-shuffled",
    "advice",
    "shuffle=False in training",
    "Leave it out: Keras then shuffles the rows of arrays in every epoch. Keep it only where the order of rows matters.",
    """x_train, x_test, y_train, y_test = train_test_split(x, y)
model.fit(x_train, y_train, epochs=20, shuffle=False)""",
    """x_train, x_test, y_train, y_test = train_test_split(x, y)
model.fit(x_train, y_train, epochs=20)""",
    _look,
)
