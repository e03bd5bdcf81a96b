"""Text of real files in many character sets against pydicom; where we differ, the clause that decides it."""

import warnings
from functools import cache
from pathlib import Path

import pytest
from pydicom import charset as oracle
from pydicom import data, dcmread
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from filmjacket.dicom.charset import LINE_DELIMITERS, charset_of
from filmjacket.dicom.values import decode_value

CHARSET_FILES = sorted(Path(path) for path in data.get_charset_files("*.dcm"))
TEXT_VRS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}


@cache
def raw_texts(path):
    """(terms, VR, bytes) of every text element of a file, items included."""
    found = []

    def collect(dataset, terms):
        raws = [dataset.get_item(tag) for tag in dataset.keys()]  # noqa: SIM118 - iterating a data set parses it
        for raw in raws:
            if raw.tag == 0x00080005:
                value = raw.value.decode() if isinstance(raw.value, bytes) else raw.value
                terms = value.split("\\") if isinstance(value, str) else list(value)
                terms = [term.strip(" \0") for term in terms]
        for raw in raws:
            if raw.VR == "SQ":
                for item in dataset[raw.tag].value:
                    collect(item, terms)
            elif raw.VR in TEXT_VRS and isinstance(raw.value, bytes) and raw.value:
                found.append((tuple(terms), raw.VR, raw.value))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect(dcmread(path), [])
    return tuple(found)


def by_oracle(terms, vr, raw):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encodings = oracle.convert_encodings(list(terms))
        delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
        if vr == "PN":
            return "=".join(oracle.decode_bytes(group, encodings, delimiters) for group in raw.split(b"="))
        return oracle.decode_bytes(raw, encodings, delimiters)


def joined(element):
    """The text of a value field again, as far as the attribute object keeps it."""
    if element["vr"] != "PN":
        return "\\".join(value or "" for value in element.get("Value", []))
    groups = ("Alphabetic", "Ideographic", "Phonetic")
    names = ("=".join((value or {}).get(group, "") for group in groups) for value in element.get("Value", []))
    return "\\".join(name.rstrip("=") for name in names)


def comparable(vr, text):
    parts = [text] if vr in {"LT", "ST", "UT"} else text.split("\\")
    groups = ("=".join(group.strip(" \0") for group in part.split("=")).rstrip("=") for part in parts)
    return "\\".join(groups) if vr == "PN" else "\\".join(part.strip(" \0") for part in parts)


@pytest.mark.parametrize("path", CHARSET_FILES, ids=lambda path: path.stem)
def test_same_text_as_pydicom(path):
    texts = raw_texts(path)
    assert any(not raw.isascii() or b"\x1b" in raw for _, _, raw in texts) or path.stem == "chrJapMultiExplicitIR6"
    for terms, vr, raw in texts:
        element, warning = decode_value(vr, raw, charset_of(terms))
        assert warning is None
        assert comparable(vr, joined(element)) == comparable(vr, by_oracle(terms, vr, raw))


def test_the_corpus_is_there():
    assert len(CHARSET_FILES) >= 17
    used = {terms for path in CHARSET_FILES for terms, _, _ in raw_texts(path)}
    assert len(used) >= 11


SINGLE = ["ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 126", "ISO_IR 127", "ISO_IR 138"]
SINGLE += ["ISO_IR 144", "ISO_IR 148", "ISO_IR 166", "ISO_IR 13"]


@pytest.mark.parametrize("term", SINGLE)
def test_every_byte_of_the_single_byte_sets(term):
    for byte in range(0xA0, 0x100):
        raw = bytes((byte,))
        text, warning = charset_of([term]).decode_checked(raw)
        if warning is None:
            assert text == by_oracle((term,), "LO", raw)
        else:
            assert "\ufffd" in text
            assert "\ufffd" in by_oracle((term,), "LO", raw)


@pytest.mark.parametrize(
    ("term", "escape", "codec"),
    [
        ("ISO 2022 IR 87", b"\x1b$B", "iso2022_jp"),
        ("ISO 2022 IR 159", b"\x1b$(D", "iso2022_jp_2"),
        ("ISO 2022 IR 149", b"\x1b$)C", "euc_kr"),
        ("ISO 2022 IR 58", b"\x1b$)A", "gb2312"),
    ],
)
def test_every_character_of_the_two_byte_sets(term, escape, codec):
    charset = charset_of(["", term])
    high = 0x80 if codec in {"euc_kr", "gb2312"} else 0
    known = 0
    for first in range(0x21, 0x7F):
        for second in range(0x21, 0x7F):
            raw = escape + bytes((first | high, second | high))
            text, warning = charset.decode_checked(raw, LINE_DELIMITERS)
            if warning is None:
                known += 1
                # pydicom leaves the escape sequence of ISO 2022 IR 58 in the text (PS3.5 6.1.2.5).
                assert text == by_oracle(("", term), "LT", raw).removeprefix(escape.decode())
    assert known > 6000


DEPARTURES = {
    "PS3.5 6.1.2.5.3: 3D3D is one character of JIS X 0208, no delimiter of component groups": (
        ["", "ISO 2022 IR 87"],
        "PN",
        b"A=\x1b$B==\x1b(B",
        {"Alphabetic": "A", "Ideographic": b"\x1b$B==".decode("iso2022_jp")},
    ),
    "PS3.5 6.1.2.5.2: halves change apart, a two-byte set on the left leaves the right half alone": (
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        "PN",
        b"\x1b$B;3\xd4\x1b(J",
        {"Alphabetic": "山ﾔ"},
    ),
    "default repertoire: UTF-8 that nobody announced is read as such, with a warning": (
        [],
        "PN",
        "Müller".encode(),
        {"Alphabetic": "Müller"},
    ),
    "announced extension without its escape sequence is read as such, with a warning": (
        ["", "ISO 2022 IR 149"],
        "PN",
        b"\xb1\xe6\xb5\xbf",
        {"Alphabetic": "길동"},
    ),
}


@pytest.mark.parametrize("clause", DEPARTURES)
def test_departures_from_pydicom(clause):
    terms, vr, raw, ours = DEPARTURES[clause]
    element, _ = decode_value(vr, raw, charset_of(terms))
    assert element == {"vr": vr, "Value": [ours]}
    assert comparable(vr, joined(element)) != comparable(vr, by_oracle(terms, vr, raw))
