"""Our header against pydicom's, over every file that pydicom and pydicom-data bring along.

Every difference has a row in `DIFFERENCES` with what decides it; a row that is not needed any more fails too.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import warnings
import zlib
from functools import cache
from pathlib import Path

import pydicom
import pytest

from filmjacket.dicom.charset import DEFAULT_CHARSET
from filmjacket.dicom.header import Header, read_header
from filmjacket.dicom.values import DECODERS
from filmjacket.dicom.vr import BINARY_VRS
from filmjacket.errors import DicomError

NOT_DICOM = frozenset((".py", ".pyc", ".json", ".txt", ".md", ".gz", ".dump", ".icc"))

PIXEL_DATA = "7FE00010"

# What pydicom reads, or tries to, and a store has to refuse.
REFUSED = {
    "pydicom:data/test_files/MR_truncated.dcm": "PS3.5 7.1: the value is longer than the rest of the file",
    "pydicom:data/test_files/rtplan_truncated.dcm": "PS3.5 7.1: the value is longer than the rest of the file",
    "data_store:data/emri_small_jpeg_2k_lossless_too_short.dcm": "PS3.5 A.4: no sequence delimiter",
    "pydicom:data/test_files/no_meta.dcm": "PS3.10 7.1: a stray byte in front, hence neither prefix nor data set",
    "pydicom:data/test_files/dicomdirtests/DICOMDIR-nooffset": "PS3.5 7.5: an item longer than its sequence",
}


def swapped(ours, theirs):
    raw = base64.b64decode(theirs[2])
    other = b"".join(raw[i + 1 : i + 2] + raw[i : i + 1] for i in range(0, len(raw), 2))
    return ours[:2] == theirs[:2] and base64.b64decode(ours[2]) == other


# (file or *, tag or path) -> (what decides, what the difference must be)
DIFFERENCES = {
    ("*", "00080005"): (
        "PS3.18 F.2: JSON is UTF-8, so the attribute says ISO_IR 192",
        lambda ours, theirs: ours == ("CS", ["ISO_IR 192"], "") and theirs[0] == "CS",
    ),
    ("*", "FFFCFFFC"): (
        "PS3.10: Data Set Trailing Padding has no meaning",
        lambda ours, theirs: ours is None and theirs[0] == "OB",
    ),
    ("*", PIXEL_DATA): (
        "PS3.5 A.4: encapsulated Pixel Data has VR OB; some files say OW",
        lambda ours, theirs: ours[0] == "OB" and theirs[0] == "OW" and ours[1:] == theirs[1:],
    ),
    ("pydicom:data/test_files/badVR.dcm", "00280008"): (
        "PS3.5 6.2 IS: not a number; the original text is kept instead of no data set at all",
        lambda ours, theirs: ours == ("IS", ["1A"], "") and theirs[0] == "raises",
    ),
    **{
        (f"data_store:data/OBXXXX1A_expb{frames}.dcm", tag): ("PS3.18 F.2.7: inline binary is little endian", swapped)
        for frames in ("", "_2frame")
        for tag in ("00281201", "00281202", "00281203")
    },
}


def corpus() -> dict[str, Path]:
    files = {}
    for package, folder in (
        ("pydicom", "data/test_files"),
        ("pydicom", "data/charset_files"),
        ("pydicom", "data/palettes"),
        ("data_store", ""),
    ):
        spec = importlib.util.find_spec(package)
        for root in spec.submodule_search_locations:
            for path in sorted(Path(root, folder).rglob("*")):
                if path.is_file() and path.suffix not in NOT_DICOM and path.name != "README":
                    files[f"{package}:{path.relative_to(root).as_posix()}"] = path
    return files


FILES = corpus()


def plain_number(value):
    """Numbers and their text alike: JSON has both for DS, IS, SV and UV (PS3.18 F.2.3.1)."""
    try:
        return float(value)
    except ValueError:
        return value


def text_without_padding(value):
    return value.strip(" \0") or None if isinstance(value, str) else value


def normal(element):
    """The parts of an attribute object in one spelling, so that only a real difference is one."""
    vr = element["vr"]
    values = element.get("Value", [])
    if vr in {"DS", "IS", "SV", "UV", "FL", "FD"}:
        values = [None if value in {None, ""} else plain_number(value) for value in values]
    elif vr == "PN":
        values = [
            {group: text.strip(" \0") for group, text in (name or {}).items() if text.strip(" \0")} for name in values
        ]
    elif vr != "SQ":
        values = [text_without_padding(value) for value in values]
    if not any(value is not None and value != {} for value in values):
        values = []
    return vr, values, element.get("InlineBinary") or ""


def theirs(dataset: pydicom.Dataset, prefix: str = "") -> dict[str, object]:
    """pydicom's data set as {path: normalised attribute object}."""
    found = {}
    for raw in dataset:
        tag = f"{int(raw.tag):08X}"
        if tag.endswith("0000"):
            continue
        path = prefix + tag
        if raw.VR == "SQ":
            found[path] = ("SQ", len(raw.value), "")
            for number, item in enumerate(raw.value):
                found |= theirs(item, f"{path}.{number}.")
            continue
        if tag == PIXEL_DATA and raw.is_undefined_length:
            # pydicom's value begins with the Basic Offset Table, our range behind it (see PixelLayout).
            table = int.from_bytes(raw.value[4:8], "little")
            found[path] = (str(raw.VR), [], base64.b64encode(raw.value[8 + table :]).decode())
            continue
        try:
            found[path] = normal(raw.to_json_dict(None, 1 << 62))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a difference
            found[path] = ("raises", type(error).__name__, "")
    return found


class Ours:
    def __init__(self, content: bytes) -> None:
        self.header: Header = read_header(content)
        layout = self.header.layout
        if layout.deflated:
            body = zlib.decompress(content[layout.dataset_offset :], -zlib.MAX_WBITS)
            content = content[: layout.dataset_offset] + body
        self.content = content
        self.bulk = {value.path: value for value in layout.bulk}
        self.big_endian = self.header.transfer_syntax == "1.2.840.10008.1.2.2"

    def flat(self, attributes=None, prefix="") -> dict[str, object]:
        found = {}
        for tag, element in (self.header.attributes if attributes is None else attributes).items():
            path = prefix + tag
            if element["vr"] == "SQ":
                items = element.get("Value", [])
                found[path] = ("SQ", len(items), "")
                for number, item in enumerate(items):
                    found |= self.flat(item, f"{path}.{number}.")
            elif "BulkDataURI" in element:
                found[path] = normal(self.fetched(path, element))
            else:
                found[path] = normal(element)
        return found

    def fetched(self, path: str, element) -> dict[str, object]:
        """The attribute object with the bytes that its BulkDataURI stands for."""
        assert element["BulkDataURI"] == "/" + path
        value = self.bulk[path]
        vr = element["vr"]
        # The layout has the VR of the words that are swapped: in big endian those of Pixel Data are its cells.
        assert value.vr == vr or (self.big_endian and path.endswith("7FE00010") and vr in {"OB", "OW"})
        raw = self.content[value.offset : value.offset + value.length]
        assert len(raw) == value.length
        if vr in BINARY_VRS:
            return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode()}
        decoded, _ = DECODERS[vr](raw, DEFAULT_CHARSET, self.big_endian)
        return decoded or {"vr": vr, "Value": ["NaN"]}


@cache
def compare(name: str) -> dict[str, tuple[object, object]]:
    """{path: (ours, pydicom's)} of everything that differs."""
    content = FILES[name].read_bytes()
    ours = Ours(content).flat()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        others = theirs(dataset)
    return {
        path: (ours.get(path), others.get(path))
        for path in sorted(ours.keys() | others.keys())
        if ours.get(path) != others.get(path)
    }


def row_of(name: str, path: str) -> tuple[str, str] | None:
    """The row of the table that a difference falls under; rows of all files hold at every level."""
    for key in ((name, path), ("*", path.rsplit(".", 1)[-1])):
        if key in DIFFERENCES:
            return key
    return None


@pytest.mark.parametrize("name", sorted(FILES.keys() - REFUSED.keys()))
def test_same_attributes_and_values(name):
    unlisted = {}
    for path, (ours, others) in compare(name).items():
        row = row_of(name, path)
        if row is None or not DIFFERENCES[row][1](ours, others):
            unlisted[path] = (str(ours)[:200], str(others)[:200])
    assert not unlisted


def test_every_listed_difference_still_occurs():
    seen = {row_of(name, path) for name in FILES.keys() - REFUSED.keys() for path in compare(name)}
    assert DIFFERENCES.keys() - seen == set()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_files_are_still_refused(name):
    with pytest.raises(DicomError):
        read_header(FILES[name].read_bytes())


def test_the_corpus_is_there():
    assert len(FILES) > 200
