"""What is kept of a stream, so that a kill at any moment loses no more than the rows since: one file, whole or not at all.

Format history
    1  first format
"""

import json

import keras
import numpy as np

from ...base.archives import Damaged, arrays_in, damage, json_in
from ...base.errors import UsageError
from ...base.files import as_path, whole_file
from ...seam.trainee.online import variables_of
from ..checkpoint.checkpoint import packed, unpacked

FORMAT = 1
_NAME = "stream.npz"


def file_in(folder):
    """The file that a stream is kept in."""
    return as_path("checkpoint", folder) / _NAME


def keep(folder, follower, about):
    """Write the state of a `Follower` to `folder`, and `about`: plain values by name, and arrays, of whoever feeds it.

    Raises:
        UsageError: there is no room, or no right to write there.
    """
    arrays, path = {}, file_in(folder)
    document = {"format": FORMAT, "follower": packed(follower.state(), arrays, "follower"), "about": packed(about, arrays, "about")}
    for i, learner in enumerate(follower.learners):
        learner.store()
        for name, group in variables_of(learner.model).items():
            arrays |= {f"{name}/{i}/{j}": keras.ops.convert_to_numpy(v) for j, v in enumerate(group)}
    document["dtypes"] = {key: array.dtype.name for key, array in arrays.items() if array.dtype.kind == "V"}
    arrays = {key: np.asarray(array).view(f"u{array.dtype.itemsize}") if key in document["dtypes"] else np.asarray(array)
              for key, array in arrays.items()}
    try:
        with whole_file(path) as file:
            np.savez(file, document=np.frombuffer(json.dumps(document).encode(), np.uint8), **arrays)
    except OSError as error:
        raise UsageError(f"`checkpoint` must be a folder with room to write in; {str(path.parent)!r} is not "
                         f"({error.strerror}).") from error


def kept_in(folder):
    """(document, arrays) of what is kept in `folder`; `None` where nothing is.

    Raises:
        UsageError: it is damaged, or of another format.
    """
    path = file_in(folder)
    if not path.exists():
        return None
    try:
        arrays = arrays_in(path)
        with damage():
            document = json_in(arrays.pop("document").tobytes())
            version = document.get("format")
            if version == FORMAT:
                for key, dtype in document["dtypes"].items():
                    if np.dtype(dtype).kind != "V":
                        raise Damaged(f"{dtype} is no type of weights")
                    arrays[key] = arrays[key].view(dtype)
                document = {name: unpacked(document[name], arrays) for name in ("follower", "about")}
                if type(document["about"]) is not dict or type(document["follower"]) is not dict:
                    raise Damaged("it does not say how far the stream was")
    except (Damaged, OSError) as error:
        raise UsageError(f"`checkpoint` must be a folder of epochal stream; {path} cannot be read ({error}). Remove it to begin "
                         "anew.") from error
    if version != FORMAT:
        raise UsageError(f"`checkpoint` must be of format {FORMAT}; {path} has {version!r:.40}. Upgrade the package, or remove the "
                         "file to begin anew.")
    return document, arrays


def go_on(folder, follower, found):
    """Put a `Follower` back to where it was by what `kept_in` found.

    Raises:
        UsageError: it was another model, or the file is damaged.
    """
    document, arrays = found
    try:
        with damage():
            for i, learner in enumerate(follower.learners):
                for name, group in variables_of(learner.model).items():
                    for j, variable in enumerate(group):
                        array = arrays[f"{name}/{i}/{j}"]
                        dtype = keras.backend.standardize_dtype(variable.dtype)
                        if array.shape != tuple(variable.shape) or array.dtype.name != dtype:
                            raise Damaged(f"{name}/{j} is {array.dtype.name} of shape {array.shape}, and the model's is "
                                          f"{variable.dtype} of shape {tuple(variable.shape)}")
                        variable.assign(keras.ops.convert_to_tensor(array))
            follower.restore(document["follower"])
    except Damaged as error:
        raise UsageError(f"`checkpoint` must be a folder of this stream, with this model; {file_in(folder)} does not fit "
                         f"({error}). Name another folder, or call as before.") from error
