"""A folder for skrub, which makes one in the user's home when it is imported, and fails where that cannot be."""

import os
import tempfile

_home = os.path.expanduser("~")
if not (os.path.isdir(_home) and os.access(_home, os.W_OK)):
    os.environ.setdefault("SKB_DATA_DIRECTORY", os.path.join(tempfile.gettempdir(), "skrub_data"))
