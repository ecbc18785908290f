"""Images become arrays of one size, decoded once; broken files are named and left out."""

import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ...base.system.memory import memory_here
from ...base.text import counted, first_few
from ...base.validate import require

_LARGEST, _LEAST = 96, 24  # sides that images of different sizes are made smaller to, and never below
_AS_THEY_ARE = 128         # the longest side of images that all have one size, and keep it
_SHARE = 0.25              # of the free memory that images may take
_GREY = ("1", "L", "LA", "I", "I;16")
_TOO_LARGE = "more pixels than Pillow decodes, which a file of few bytes may claim to have"
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, struct.error, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Images as uint8[n, height, width, channels], the places of their files, and notes."""

    x: Any
    places: list[int]
    notes: tuple[str, ...]


def decoded(files, shape=None, *, tell=lambda share: None):
    """The images in files, made to one size (bilinear, as Keras does by default): the size they have, or one that fits them.

    Args:
        files: paths.
        shape: (height, width, channels) to be met, as in training; `None` to choose it. One channel where all are grey.
        tell: told the share of them that is done.

    Raises:
        UsageError: none can be read, or memory does not hold them.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.filterwarnings("ignore", module="PIL")  # of palettes, and of images that are large and yet allowed
        heads = list(pool.map(_head, files))
        too_large = [file.name for file, head in zip(files, heads, strict=True) if head == _TOO_LARGE]
        heads = [None if head == _TOO_LARGE else head for head in heads]
        height, width, channels = shape or _shape_for([head for head in heads if head is not None], len(files))
        read = [i for i, head in enumerate(heads) if head is not None]
        x = np.empty((len(read), height, width, channels), np.uint8)
        whole = []
        for fine in pool.map(lambda pair: _fill(files[pair[1]], x[pair[0]]), enumerate(read)):
            whole.append(fine)
            tell(len(whole) / len(read))
    places = [place for place, fine in zip(read, whole, strict=True) if fine]
    require(places, "source", f"{len(files)} files", "images that can be read", "All are broken; fetch them again.")
    broken = [files[i].name for i in sorted({*range(len(files))} - {*places}) if files[i].name not in too_large]
    sizes = {head[0] for head in heads if head is not None}
    notes = [f"{counted(len(broken), 'image')} cannot be read and is left out ({first_few(broken, 3)})."] if len(broken) == 1 else \
        [f"{counted(len(broken), 'image')} cannot be read and are left out ({first_few(broken, 3)})."] if broken else []
    if too_large:
        notes.append(f"{counted(len(too_large), 'image')} left out, of more pixels than are safe to decode "
                     f"({first_few(too_large, 3)}).")
    if n_transparent := sum(head is not None and head[2] for head in heads):
        notes.append(f"{counted(n_transparent, 'image')} with transparency laid on white.")
    if sizes != {(width, height)}:
        notes.append(f"Images are made {height} × {width} (they are {min(s[1] for s in sizes)} × {min(s[0] for s in sizes)} to "
                     f"{max(s[1] for s in sizes)} × {max(s[0] for s in sizes)}), {'grey' if channels == 1 else 'in colour'}.")
    return Decoded(x if len(places) == len(x) else x[np.array(whole)], places, tuple(notes))


def _head(file):
    """Size and mode of an image, and whether it has transparency; `None` where it is none, `_TOO_LARGE` where it is so."""
    try:
        with Image.open(file) as image:
            return image.size, image.mode, _is_transparent(image)
    except Image.DecompressionBombError:
        return _TOO_LARGE
    except _BROKEN:
        return None


def _is_transparent(image):
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _shape_for(heads, n):
    require(heads, "source", f"{n} files", "images that can be read", "All are broken; fetch them again.")
    sizes = np.array([size for size, _, _ in heads])
    channels = 1 if all(mode in _GREY for _, mode, _ in heads) else 3
    width, height = map(float, np.median(sizes, axis=0))
    one_size = len(np.unique(sizes, axis=0)) == 1 and max(width, height) <= _AS_THEY_ARE
    scale = 1.0 if one_size else min(1.0, _LARGEST / max(width, height))
    most = _SHARE * memory_here().free / (4 * n * channels)  # pixels of an image, as float32
    scale = min(scale, (most / (width * height)) ** 0.5)
    height, width = max(1, round(scale * height)), max(1, round(scale * width))
    require(scale == 1 or max(height, width) >= _LEAST, "source", f"{n:,} images", "as many as memory holds",
            "Take a part of them, or save them as an .npz file of fewer pixels.")
    return height, width, channels


def _of_eight_bits(image):
    """A grey image of more bits than eight, which Pillow would clip in place of making it darker."""
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(values >> 8 if values.max() > 255 else values, 0, 255).astype(np.uint8))


def _fill(file, into):
    """Decode one image into its place; false where it is broken."""
    height, width, channels = into.shape
    try:
        with Image.open(file) as image:
            image.draft(None, (2 * width, 2 * height))  # a JPEG is decoded at a fraction of its size where that suffices
            plain = _of_eight_bits(image) if image.mode.startswith("I") else image
            if _is_transparent(image):
                plain = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
            plain = plain.convert("L" if channels == 1 else "RGB")
            if plain.size != (width, height):
                plain = plain.resize((width, height), Image.Resampling.BILINEAR)
            into[:] = np.asarray(plain).reshape(into.shape)
    except _BROKEN:
        return False
    return True
