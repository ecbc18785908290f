"""Folders of images and of texts, a folder inside for each class; and tables whose only feature is a column of texts."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from epochal.base.errors import UsageError
from epochal.tables import open_table
from epochal.tables.encoding import encoding_of
from epochal.tables.files import images
from epochal.tables.new_rows import apply
from epochal.tables.options import TableOptions
from epochal.tables.texts import Words, words_of


@pytest.fixture
def photos(tmp_path):
    """90 images of three classes in files of three kinds: each class is of one brightness."""
    draw = np.random.default_rng(0)
    for i in range(90):
        folder = tmp_path / "photos" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(60 + 60 * (i % 3) + draw.normal(0, 9, (16, 12, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.{['png', 'jpg', 'bmp'][i % 4 % 3]}")
    return tmp_path / "photos"


def test_a_folder_of_images_is_a_table_of_its_pixels(photos):
    table = open_table(photos)
    assert (table.kind, table.classes, table.files) == ("multiclass", ("a", "b", "c"), "images")
    x = np.concatenate([table.x_train, table.x_validation, table.x_test])
    y = np.concatenate([table.y_train, table.y_validation, table.y_test])
    assert (x.shape, x.dtype) == ((90, 16, 12, 3), np.float32)
    for code in range(3):
        assert abs(x[y == code].mean() - (60 + 60 * code) / 255) < 0.02
    assert any("90 images of 3 classes, named as their folders ('a', 'b', 'c')" in note for note in table.notes)


def test_broken_and_odd_files_are_named_and_left_out(photos):
    (photos / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot an image")
    whole = (photos / "b" / "01.jpg").read_bytes() if (photos / "b" / "01.jpg").exists() else None
    cut = next(photos.glob("*/*.png"))
    (photos / "c" / "cut.png").write_bytes(cut.read_bytes()[:200])
    (photos / "c" / "notes.docx").write_text("no image")
    (photos / "c" / ".hidden.png").write_bytes(b"x")
    (photos / "readme.md").write_text("beside")
    table = open_table(photos)
    assert len(table.x_train) + len(table.x_validation) + len(table.x_test) == 90
    assert any("2 images cannot be read and are left out ('broken.png', 'cut.png')" in note for note in table.notes), whole
    assert any("1 file beside the folders ('readme.md')" in note for note in table.notes)


def test_images_of_several_sizes_become_one_size_as_pillow_makes_it(photos):
    big = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8))
    big.save(photos / "a" / "big.bmp")
    table = open_table(photos)
    assert table.x_train.shape[1:] == (16, 12, 3)
    assert any("made 16 × 12 (they are 16 × 12 to 200 × 300), in colour" in note for note in table.notes)
    found = images.decoded([photos / "a" / "big.bmp"], (16, 12, 3)).x[0]
    np.testing.assert_array_equal(found, np.asarray(big.resize((12, 16), Image.Resampling.BILINEAR)))


def test_large_images_are_made_smaller_and_grey_ones_stay_grey(tmp_path):
    for i in range(60):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(np.full((150, 300), 3 * i, np.uint8)).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    table = open_table(tmp_path)
    assert table.x_train.shape[1:] == (48, 96, 1)


def test_deep_and_transparent_images_are_read(tmp_path):
    Image.fromarray(np.full((8, 8), 200 * 256, np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert images.decoded([tmp_path / "deep.png"], (8, 8, 1)).x.mean() == 200
    assert images.decoded([tmp_path / "deep.png"], (8, 8, 3)).x.mean() == 200  # among images in colour, too
    clear = images.decoded([tmp_path / "clear.png"], (8, 8, 3))
    np.testing.assert_array_equal(clear.x[0, 0, 0], [255, 255, 255])  # what nobody sees is no picture
    assert clear.notes == ("1 image with transparency laid on white.",)
    Image.new("RGBA", (8, 8), (0, 0, 0, 255)).save(tmp_path / "black.png")
    assert images.decoded([tmp_path / "black.png"], (8, 8, 3)).x.max() == 0


def test_an_image_of_too_many_pixels_is_called_so_and_is_not_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    for name, side in (("small", 6), ("large", 20)):
        Image.new("L", (side, side), 9).save(tmp_path / f"{name}.png")
    found = images.decoded([tmp_path / "small.png", tmp_path / "large.png"])
    assert found.places == [0]
    assert "1 image left out, of more pixels than are safe to decode ('large.png')." in found.notes


def test_very_many_copies_of_one_image_do_not_fill_a_part(photos):
    for i in range(60):
        Image.new("RGB", (12, 16)).save(photos / "abc"[i % 3] / f"empty{i}.png")
    table = open_table(photos)
    assert [len(part) for part in (table.x_train, table.x_test)] == pytest.approx([96, 30], abs=4)


def test_an_image_in_two_classes_is_told(photos):
    assert not any("more than one class" in note for note in open_table(photos).notes)
    file = next((photos / "a").iterdir())
    (photos / "b" / "again.png").write_bytes(file.read_bytes())
    assert "2 images stand in more than one class: no model tells them apart." in open_table(photos).notes


def test_rare_classes_of_folders_are_left_out_where_it_is_said(photos):
    (photos / "odd").mkdir()
    Image.new("RGB", (12, 16)).save(photos / "odd" / "1.png")
    with pytest.raises(UsageError, match="--rare-classes drop leaves smaller ones out"):
        open_table(photos)
    table = open_table(photos, options=TableOptions(rare="drop"))
    assert table.classes == ("a", "b", "c")
    assert any("1 row of rare classes ('odd') left out" in note for note in table.notes)


def test_a_few_files_of_another_kind_are_left_out_and_named(photos):
    _text(photos / "a" / "readme.txt", "about these photos")
    (photos / "b" / "list.csv").write_text("1")
    table = open_table(photos)
    assert len(table.x_train) + len(table.x_validation) + len(table.x_test) == 90
    assert any("Left out: 2 files in them that are no images ('a/readme.txt', 'b/list.csv')." in note for note in table.notes)


def test_copies_of_an_image_stay_on_one_side(photos):
    for file in list(photos.glob("*/*"))[:40]:
        file.with_stem(f"{file.stem}_copy").write_bytes(file.read_bytes())
    table = open_table(photos)
    parts = [{row.tobytes() for row in part} for part in (table.x_train, table.x_validation, table.x_test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 90


def test_parts_of_a_folder_stay_its_parts(photos, tmp_path):
    for part, n in (("train", 20), ("test", 10)):
        for label in "abc":
            (tmp_path / "set" / part / label).mkdir(parents=True)
            for file in sorted((photos / label).iterdir())[-n:]:
                (tmp_path / "set" / part / label / file.name).write_bytes(file.read_bytes())
    table = open_table(tmp_path / "set")
    assert (len(table.x_train) + len(table.x_validation), len(table.x_test)) == (60, 30)
    assert any("those of test are read once, at the end" in note for note in table.notes)


@pytest.mark.parametrize(("make", "said"), [
    (lambda folder: None, "a folder with a folder of images or texts for each class"),
    (lambda folder: (folder / "a.csv").write_text("a,y\n1,2\n"), "Name the file inside it, such as a.csv"),
    (lambda folder: [_text(folder / "a" / "1.txt", "x"), Image.new("L", (8, 8)).save(folder / "a" / "1.png")],
     "It holds 1 image and 1 text"),
    (lambda folder: [_text(folder / "a" / f"{i}.txt", f"some words {i}") for i in range(60)], "two classes or more"),
    (lambda folder: [_text(folder / "ab"[i % 2] / f"{i}.txt", "few") for i in range(9)], "at least 50"),
    (lambda folder: [(folder / "a").mkdir(), (folder / "a" / "x.png").write_bytes(b"no")], "images that can be read"),
], ids=["empty", "a table", "both", "one class", "few", "all broken"])
def test_a_folder_that_is_no_data_is_refused(tmp_path, make, said):
    make(tmp_path)
    with pytest.raises(UsageError, match=said):
        open_table(tmp_path)


@pytest.mark.parametrize("option", ["target", "groups", "time", "task"])
def test_options_for_columns_are_refused(photos, option):
    with pytest.raises(UsageError, match=f"`{option}` must be left out for a folder"):
        open_table(photos, **{option: "classes" if option == "task" else "a"})


def test_new_images_are_read_as_those_of_training(photos, tmp_path):
    encoding = encoding_of(open_table(photos), target="folder", outputs="probabilities")
    (tmp_path / "new").mkdir()
    Image.fromarray(np.full((32, 24, 3), 200, np.uint8)).save(tmp_path / "new" / "one.png")
    rows = apply(encoding, tmp_path / "new")
    assert (rows.x.shape, rows.y, list(rows.carried["file"])) == ((1, 16, 12, 3), None, ["one.png"])
    again = apply(encoding, photos)
    assert len(again.x) == 90
    assert sorted(again.y) == [0] * 30 + [1] * 30 + [2] * 30
    with pytest.raises(UsageError, match="a folder of images"):
        apply(encoding, _text(tmp_path / "t.csv", "a,b\n1,2\n"))
    with pytest.raises(UsageError, match="a folder with images"):
        apply(encoding, _text(tmp_path / "texts" / "a.txt", "x").parent)


def _text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


GOOD, BAD = ("great", "lovely", "superb"), ("awful", "boring", "dull")


def reviews(n=120):
    draw = np.random.default_rng(0)
    plain = [f"word{i}" for i in range(60)]
    return [" ".join([*draw.choice(plain, int(draw.integers(4, 12))), draw.choice(GOOD if i % 2 else BAD)]).capitalize() + "!"
            for i in range(n)]


def test_a_folder_of_texts_is_a_table_of_its_words(tmp_path):
    texts = reviews()
    for i, text in enumerate(texts):
        _text(tmp_path / ["neg", "pos"][i % 2] / f"{i:03d}.txt", text)
    table = open_table(tmp_path)
    assert (table.kind, table.classes, table.files) == ("binary", ("neg", "pos"), "texts")
    assert table.x_train.dtype == np.int32
    assert {"great", "dull"} <= set(table.words)
    x, y = np.concatenate([table.x_train, table.x_test]), np.concatenate([table.y_train, table.y_test])[:, 0]
    good = [table.words.index(word) + 2 for word in GOOD]
    np.testing.assert_array_equal(np.isin(x, good).any(axis=1), y == 1)
    encoding = encoding_of(table, target="folder", outputs="probabilities")
    rows = apply(encoding, _text(tmp_path / "new" / "1.txt", "Never seen, GREAT word1").parent)
    assert list(rows.x[0][:4]) == [1, 1, *(table.words.index(word) + 2 for word in ("great", "word1"))]
    assert (rows.x[0][4:] == 0).all()


def test_a_column_of_texts_alone_is_read_word_by_word(tmp_path):
    pd.DataFrame({"id": np.arange(120), "review": reviews(), "label": ["neg", "pos"] * 60}).to_csv(tmp_path / "r.csv", index=False)
    table = open_table(tmp_path / "r.csv", target="label")
    assert (table.text_column, table.x_train.dtype, table.encoder) == ("review", np.int32, None)
    assert [(use.name, use.kind) for use in table.columns] == [("id", "left out"), ("review", "text"), ("label", "target")]
    encoding = encoding_of(table, target="label", outputs="probabilities")
    pd.DataFrame({"review": ["lovely", ""], "id": [7, 8]}).to_csv(tmp_path / "new.csv", index=False)
    rows = apply(encoding, tmp_path / "new.csv")
    assert rows.x[0, 0] == table.words.index("lovely") + 2
    assert not rows.x[1].any()
    assert list(rows.carried["id"].astype(int)) == [7, 8]
    with pytest.raises(UsageError, match="a table with the column 'review' of texts"):
        apply(encoding, _text(tmp_path / "other.csv", "a,b\n1,2\n"))


def test_words_are_counted_as_keras_counts_them():
    assert words_of("It's GREAT, isn't it? 3 of 4.") == ["it's", "great", "isn't", "it", "3", "of", "4"]
    np.testing.assert_array_equal(Words(("a", "b"), 3).transform(["b a c a", ""]), [[3, 2, 1], [0, 0, 0]])


def test_texts_that_are_no_utf_8_are_told(tmp_path):
    for i in range(60):
        _text(tmp_path / "ab"[i % 2] / f"{i:02}.txt", f"plain words number {i} of many")
    assert not any("encoding" in note for note in open_table(tmp_path).notes)
    (tmp_path / "a" / "00.txt").write_bytes("déjà vu à l'été".encode("latin-1"))
    (tmp_path / "a" / "02.txt").write_bytes("words of another kind: привет".encode("utf-16"))
    table = open_table(tmp_path)
    assert any("1 text in another encoding than UTF-8, read as cp1252 ('00.txt')" in note for note in table.notes)


def test_a_class_of_few_images_is_refused_in_the_words_of_folders(photos):
    (photos / "d").mkdir()
    Image.new("RGB", (16, 12)).save(photos / "d" / "one.png")
    with pytest.raises(UsageError, match=r"a folder 'd' with 1 image.*--rare-classes drop"):
        open_table(photos)


def test_how_many_images_are_decoded_is_told(photos):
    shares = []
    open_table(photos, tell=shares.append)
    assert shares == pytest.approx(np.arange(1, 91) / 90)
