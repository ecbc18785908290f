"""Files as a bad disk or a stranger leaves them: bytes, JSON and archives changed at random, but the same on every run."""

import copy
import io
import json
import struct
import zipfile

import numpy as np

ODD = [None, True, -1, 0, 1.5, 10**30, 1e308, "nan", "inf", "", "x" * 5000, "../../x", "\x1b[31m", [], {}, [[]], [0] * 50, {"a": 1}]
NAMES = ["/", "../x", "a" * 70000, "\x00", "é/ü"]


def choice(stream, things):
    return things[int(stream.integers(len(things)))]


def of_bytes(data, stream):
    """Bytes turned, cut, put elsewhere or overwritten."""
    data, at = bytearray(data), int(stream.integers(max(len(data), 1)))
    n = int(stream.integers(1, 64))
    how = choice(stream, ["turn", "turn", "cut", "head", "zeros", "again", "noise", "number"])
    if how == "turn" and data:
        for place in stream.integers(len(data), size=n):
            data[place] ^= 1 << int(stream.integers(8))
    elif how == "cut":
        del data[at:]
    elif how == "head":
        del data[:n]
    elif how == "zeros":
        data[at : at + n] = bytes(n)
    elif how == "again":
        data[at:at] = data[at : at + 40 * n]
    elif how == "noise":
        data[at : at + n] = stream.bytes(n)
    else:
        data[at : at + 4] = struct.pack("<I", choice(stream, [0, 1, 2**31, 2**32 - 1]))
    return bytes(data)


def of_json(document, stream):
    """One to three places of a document replaced, removed, repeated, renamed, or nested deeply."""
    document = copy.deepcopy(document)
    for _ in range(int(stream.integers(1, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = choice(stream, places)
        how = choice(stream, ["odd", "odd", "near", "gone", "twice", "name", "deep", "swap"])
        if how == "odd":
            holder[key] = copy.deepcopy(choice(stream, ODD))
        elif how == "near" and isinstance(holder[key], int | float):
            holder[key] = choice(stream, [-holder[key], holder[key] + 1, 0, holder[key] * 1000])
        elif how == "gone":
            del holder[key]
        elif how == "twice" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif how == "name" and isinstance(holder, dict):
            holder[f"{key}_"] = holder.pop(key)
        elif how == "deep":
            for _ in range(300):
                holder[key] = [holder[key]]
        else:
            other, place = choice(stream, [(one, at) for one, at in places if at in one or not isinstance(one, dict)])
            holder[key] = copy.deepcopy(other[place] if isinstance(other, dict) or place < len(other) else None)
    return document


def of_text_of_json(text, stream):
    if stream.random() < 0.3:
        return of_bytes(text, stream)
    return json.dumps(of_json(json.loads(text), stream)).encode()


def of_zip(data, stream, members=None):
    """An archive with one member changed (by `members`: a function for each name, else its bytes), or its own notes falsified."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    how = choice(stream, ["bytes", "member", "member", "member", "member", "gone", "more", "method", "locked", "size", "array"])
    if how == "bytes":
        return of_bytes(data, stream)
    name = choice(stream, list(held))
    if how == "member":
        held[name] = (members or {}).get(name, of_bytes)(held[name], stream)
    elif how == "gone":
        del held[name]
    elif how == "more":
        held[choice(stream, NAMES)[:60000].replace("\x00", "0")] = stream.bytes(20)
    elif how == "array" and name.endswith(".npy"):
        held[name] = npy(choice(stream, [np.zeros(3), np.array(["a"]), np.array(5), np.zeros((2, 0, 3)), np.zeros(4, "M8[s]")]))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", choice(stream, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for one, content in held.items():
            archive.writestr(one, content)
    data = bytearray(packed.getvalue())
    central = data.rfind(b"PK\x01\x02")
    if how == "method":
        data[central + 10 : central + 12] = struct.pack("<H", choice(stream, [6, 12, 14, 99]))
    elif how == "locked":
        data[central + 8 : central + 10] = struct.pack("<H", 1)
    elif how == "size":
        data[central + 20 : central + 28] = struct.pack("<II", *(choice(stream, [0, 7, 2**31, 2**32 - 2]) for _ in range(2)))
    return bytes(data)


def of_npz(data, stream):
    """An archive of arrays, whose headers may say anything."""
    return of_zip(data, stream, dict.fromkeys(_names(data), _of_npy))


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def _of_npy(data, stream):
    if stream.random() < 0.5:
        return of_bytes(data, stream)
    shape = choice(stream, [(10**12,), (2**62, 2**62), (-1,), (), (0,), (3, 3)])
    kind = choice(stream, ["<f8", "|O", "<U9999", "|V0", "<m8[x]", "oops", [("a", "<f8")], "<f2"])
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data[80:]


def _names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def _places(document):
    """Every `(holder, key)` in a document, however deep."""
    stack = [document]
    while stack:
        holder = stack.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
