"""Reads `.npz` files: arrays x and y, or x_train, y_train, x_test and y_test as in keras.datasets."""

import numpy as np

from ..base.archives import Damaged, arrays_in
from ..base.errors import UsageError
from ..base.text import Wording, counted
from ..base.validate import require


def read_arrays(path):
    """x as float32[n, …], y as [n], how many of the last rows are the file's own test part, whether x held 8 bits, notes.

    Pickled objects are never loaded: a pickle runs code.

    Raises:
        UsageError: for a file that holds no such arrays, arrays of different lengths, or an x that is not finite.
    """
    arrays = load_arrays(path)
    if {"x", "y"} <= arrays.keys():
        x, y, n_test = _pair(arrays, "x", "y"), arrays["y"], 0
    elif {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        x, x_test = _pair(arrays, "x_train", "y_train"), _pair(arrays, "x_test", "y_test")
        require(x.shape[1:] == x_test.shape[1:], "x_test", x_test.shape[1:], f"of the shape of x_train, {x.shape[1:]}",
                "Save both parts in one shape.")
        x, y, n_test = np.concatenate([x, x_test]), np.concatenate([arrays["y_train"], arrays["y_test"]]), len(x_test)
    elif {"x_train", "y_train"} <= arrays.keys():
        x, y, n_test = _pair(arrays, "x_train", "y_train"), arrays["y_train"], 0
    else:
        raise UsageError("`source` must be an .npz file with arrays x and y, or x_train and y_train; "
                         f"got {path.name!r} with {', '.join(sorted(arrays)) or 'no array'}. "
                         f"Save it by numpy.savez({path.name!r}, x=x, y=y).")
    eight_bits = bool(x.dtype == np.uint8 and x.max() > 1)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        x = x.astype(np.float32) / np.float32(255) if eight_bits else x.astype(np.float32)
    n_bad = int((~np.isfinite(x)).sum())
    require(not n_bad, "x", Wording(f"{n_bad} values that are infinite or not a number"), "finite",
            "Drop those rows, or fill them in.")
    note = ("x holds 8-bit numbers: divided by 255, otherwise as it is." if eight_bits
            else "x is used as it is, without scaling.")
    return x, y.reshape(len(y)), n_test, eight_bits, (note,)


def load_arrays(path):
    try:
        return arrays_in(path)
    except (Damaged, OSError) as error:
        cure = ("It holds Python objects, which may run code when loaded; convert them to numbers first."
                if "Object arrays" in str(error) else f"Save it by numpy.savez({path.name!r}, x=x, y=y).")
        raise UsageError(f"`source` must be an .npz file of plain arrays; got {path.name!r} ({error}). {cure}") from error


def _pair(arrays, x_name, y_name):
    """x, once it and its y are shown to be usable."""
    x, y = arrays[x_name], arrays[y_name]
    require(x.ndim >= 2 and x.size, x_name, x.shape, "an array of rows and features",
            "For one feature, pass x.reshape(-1, 1).")
    require(x.dtype.kind in "biuf", x_name, str(x.dtype), "an array of numbers", "Convert it: x.astype('float32').")
    require(y.dtype.kind in "biufU", y_name, str(y.dtype), "an array of numbers or strings", "Convert it: y.astype(str).")
    require(y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1), y_name, y.shape, "one value for each row",
            "For one-hot rows, pass y.argmax(axis=1).")
    require(len(x) == len(y), y_name, counted(len(y), "row"), f"as long as {x_name}, {len(x)} rows",
            "Save both of one length.")
    return x
