"""A folder of images or texts, a folder inside it for each class, as Keras' `image_dataset_from_directory` reads them."""

from dataclasses import dataclass
from pathlib import Path

from ...base.text import Wording, counted, first_few, listed
from ...base.validate import require

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras reads
TEXTS = (".txt",)
_TRAIN, _TEST, _VALIDATION = ("train", "training"), ("test", "testing"), ("val", "valid", "validation", "dev")
_FEW = 0.1  # of the files of one kind, that may be of the other and are left out
_MUST = "a folder with a folder of images or texts for each class"


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """The files of a folder.

    `kind` is `"images"` or `"texts"`; `labels` are the names of the folders that hold the `files`, `None` where none does. The
    last `n_own_test` files are those of a folder `test`; `notes` say what was left out.
    """

    kind: str
    files: list[Path]
    labels: list[str] | None
    n_own_test: int = 0
    notes: tuple[str, ...] = ()


def files_of(path):
    """The `Folder` at `path`, to train on: its classes in alphabetical order, files within them too; hidden files are no part.

    Folders `train`, `test` and the like, with the classes inside them, are its parts: what is in `test` is read at the end only.

    Raises:
        UsageError: it holds no such folders, or images and texts.
    """
    parts = {folder.name.lower(): folder for folder in _folders(path)}
    training = next((parts[name] for name in _TRAIN if name in parts), None)
    if training is not None and _folders(training) and set(parts) <= {*_TRAIN, *_TEST, *_VALIDATION}:
        tests = [parts[name] for name in _TEST if name in parts]
        others = [folder for name, folder in parts.items() if name in (*_TRAIN, *_VALIDATION)]
        found, judged = ([_of_classes(folder) for folder in some] for some in (others, tests))
        kinds = {kind for kind, _, _ in found + judged}
        require(len(kinds) == 1, "source", str(path), _MUST, "Its parts hold different kinds of files.")
        files, labels = ([one for of in found + judged for one in of[i]] for i in (1, 2))
        n_test = sum(len(one[1]) for one in judged)
        used = listed(folder.name for folder in others)
        notes = [f"Trained and validated on the files of {used}" + ("; those of test are read once, at the end." if tests else ".")]
        return Folder(kinds.pop(), files, labels, n_test, tuple(notes))
    kind, files, labels = _of_classes(path)
    beside = [one.name for one in _visible(path) if one.is_file()]
    notes = [f"Left out: {counted(len(beside), 'file')} beside the folders ({first_few(beside, 3)})."] if beside else []
    known = {*files}
    others = [str(one.relative_to(path)) for folder in _folders(path) for one in sorted(folder.rglob("*"))
              if one not in known and not one.is_dir() and not one.name.startswith(".")]
    notes += [f"Left out: {counted(len(others), 'file')} in them that are no {kind} ({first_few(others, 3)})."] if others else []
    return Folder(kind, files, labels, 0, tuple(notes))


def new_files_of(path, kind):
    """The `Folder` of files of a kind at `path` to be predicted, with the names of their folders as labels where all are in one.

    Raises:
        UsageError: there is none.
    """
    files = _inside(path, IMAGES if kind == "images" else TEXTS)
    require(files, "DATA", str(path), f"a folder with {kind}", f"None of its files ends in {', '.join(IMAGES)}."
            if kind == "images" else "None of its files ends in .txt.")
    return Folder(kind, files, None if any(file.parent == Path(path) for file in files) else
                  [file.relative_to(path).parts[0] for file in files])


def _of_classes(path):
    """Kind, files and labels of a folder with a folder for each class."""
    found = {kind: [(file, folder.name) for folder in _folders(path) for file in _inside(folder, endings)]
             for kind, endings in (("images", IMAGES), ("texts", TEXTS))}
    kinds = [kind for kind, some in found.items() if some]
    own = next((one.name for one in _visible(path) if one.is_file()), None)
    require(kinds, "source", str(path), _MUST, f"Name the file inside it{f', such as {own}' if own else ''}, or make a folder of "
            f"{', '.join(IMAGES)} or .txt files for each class.")
    kind = max(kinds, key=lambda one: len(found[one]))
    others = [file for one in kinds if one != kind for file, _ in found[one]]
    require(len(others) <= _FEW * len(found[kind]), "source", str(path), _MUST,
            Wording(f"It holds {counted(len(found['images']), 'image')} and {counted(len(found['texts']), 'text')}; move one kind "
                    "away."))
    files, labels = zip(*found[kind], strict=True)
    return kind, list(files), list(labels)


def _folders(path):
    return [one for one in _visible(path) if one.is_dir()]


def _visible(path):
    return sorted((one for one in Path(path).iterdir() if not one.name.startswith((".", "__MACOSX"))), key=lambda one: one.name)


def _inside(folder, endings):
    return sorted(one for one in folder.rglob("*") if one.suffix.lower() in endings and one.is_file()
                  and not one.name.startswith("."))
