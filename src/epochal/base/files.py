"""Write a file as a whole or not at all."""

import os
import pathlib
import uuid


def write_whole(path, text):
    """Write `text` to `path` so that a kill or a full disk at any moment leaves the old file or the new, never a part of one.

    Args:
        path: its folder is made where it does not exist. text: written as UTF-8.

    Raises:
        OSError: there is no room, or no right to write there.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(draft, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
