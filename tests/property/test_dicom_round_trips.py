"""JSON to XML to Part 10 and back to JSON: the same attributes, whatever they are (PS3.18 F.2, F.3, PS3.10)."""

import string
import struct
from base64 import b64encode
from contextlib import suppress
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from filmjacket.dicom.charset import charset_of
from filmjacket.dicom.date_time import parse_range
from filmjacket.dicom.header import read_header
from filmjacket.dicom.json_model import decode_attributes, encode_attributes
from filmjacket.dicom.values import decode_value
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS
from filmjacket.dicom.writer import write_file
from filmjacket.dicom.xml_model import decode_native, encode_native
from filmjacket.errors import DicomError

EXPLICIT = "1.2.840.10008.1.2.1"
IDENTITY = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
    "00080018": {"vr": "UI", "Value": ["2.25.1"]},
}

# What XML 1.0 can hold; a separator or a space at an end is no content of a text value.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\^=\ufffe\uffff")
TEXT = st.text(CHARACTERS, min_size=1, max_size=12).map(lambda text: text.strip(" ")).filter(bool)
LINES = st.lists(st.text(CHARACTERS, max_size=8), min_size=1, max_size=3).map("\r\n".join)
LONG_TEXT = LINES.map(lambda text: text.rstrip(" ")).filter(bool)
ASCII = st.text(string.ascii_letters + string.digits + " _", min_size=1, max_size=12).map(str.strip).filter(bool)
UID = st.lists(st.integers(0, 99999).map(str), min_size=2, max_size=8).map(".".join)
# Carets at an end of a group mean nothing and do not come through XML.
GROUP = st.lists(st.one_of(TEXT, st.just("")), min_size=1, max_size=5).map("^".join).map(lambda text: text.rstrip("^"))
NAME = st.fixed_dictionaries(
    {}, optional={name: GROUP.filter(bool) for name in ("Alphabetic", "Ideographic", "Phonetic")}
)
DECIMAL = st.one_of(st.integers(-(10**15), 10**15), st.integers(-(10**6), 10**6).map(lambda number: number / 1024))
SAFE = 2**53 - 1


def wide(number):
    return number if abs(number) <= SAFE else str(number)


def many(values, *, empty=False):
    members = st.one_of(values, st.none()) if empty else values
    return st.lists(members, max_size=4).map(lambda found: found if any(one is not None for one in found) else [])


VALUES = {
    **dict.fromkeys(("AE", "CS"), many(ASCII, empty=True)),
    "AS": many(st.integers(0, 999).map("{:03}Y".format)),
    "AT": many(st.integers(0, 2**32 - 1).map("{:08X}".format)),
    "DA": many(st.dates().map(lambda day: f"{day:%Y%m%d}".rjust(8, "0"))),
    "DS": many(DECIMAL, empty=True),
    "DT": many(st.datetimes().map(lambda time: f"{time.year:04}{time:%m%d%H%M%S.%f}")),
    "FD": many(st.floats(allow_nan=False, allow_infinity=False)),
    "FL": many(st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "IS": many(st.integers(-(2**31), 2**31 - 1), empty=True),
    **dict.fromkeys(("LO", "SH", "UC"), many(TEXT, empty=True)),
    **dict.fromkeys(("LT", "ST", "UT"), st.lists(LONG_TEXT, max_size=1)),
    "PN": many(st.one_of(NAME.filter(bool), st.none())),
    "SL": many(st.integers(-(2**31), 2**31 - 1)),
    "SS": many(st.integers(-(2**15), 2**15 - 1)),
    "SV": many(st.integers(-(2**63), 2**63 - 1).map(wide)),
    "TM": many(st.times().map(lambda time: f"{time:%H%M%S.%f}")),
    "UI": many(UID),
    "UL": many(st.integers(0, 2**32 - 1)),
    "UR": st.lists(ASCII.map(lambda text: "http://host/" + text.replace(" ", "")), max_size=1),
    "US": many(st.integers(0, 2**16 - 1)),
    "UV": many(st.integers(0, 2**64 - 1).map(wide)),
}
BINARY = st.sampled_from(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])


def with_content(key, vr, values):
    return {"vr": vr, key: values} if values else {"vr": vr}


VALUE_ELEMENT = st.sampled_from(sorted(VALUES)).flatmap(
    lambda vr: VALUES[vr].map(lambda values: with_content("Value", vr, values))
)
BINARY_ELEMENT = st.builds(
    lambda vr, content: with_content("InlineBinary", vr, b64encode(content).decode()),
    BINARY,
    st.lists(st.binary(min_size=8, max_size=8), max_size=3).map(b"".join),
)
LEAF = st.one_of(VALUE_ELEMENT, BINARY_ELEMENT)
PUBLIC_TAG = st.builds(
    lambda group, number: f"{group * 2:04X}{number:04X}", st.integers(0x10, 0x7FFF), st.integers(1, 0xFFFF)
).filter(lambda tag: tag not in {"7FE00010", "7FE00001", "7FE00002", "FFFCFFFC"} and tag < "FFFA")


def with_private(attributes, creator, elements):
    if not elements:
        return attributes
    private = {f"000910{number:02X}": element for number, element in elements.items()}
    return attributes | {"00090010": {"vr": "LO", "Value": [creator]}} | private


def datasets(element):
    return st.builds(
        with_private,
        st.dictionaries(PUBLIC_TAG, element, max_size=4),
        TEXT,
        st.dictionaries(st.integers(0, 255), LEAF, max_size=2),
    )


def sequence(items):
    return st.lists(items, max_size=3).map(lambda found: with_content("Value", "SQ", found))


DATASET = datasets(st.recursive(LEAF, lambda inner: sequence(datasets(inner)), max_leaves=12))


@given(DATASET)
def test_json_to_xml_to_part_10_to_json(dataset):
    attributes = IDENTITY | dataset
    from_json = decode_attributes(encode_attributes(attributes))
    assert from_json == attributes
    from_xml = decode_native(encode_native(from_json))
    assert from_xml == attributes
    file = b"".join(write_file(from_xml, transfer_syntax=EXPLICIT))
    assert len(file) % 2 == 0
    header = read_header(file)
    assert header.warnings == ()
    assert header.attributes == attributes
    assert len(dcmread(BytesIO(file))) == len(attributes)


@given(st.sampled_from(sorted(set(VALUE_REPRESENTATIONS) - {"SQ"})), st.binary(max_size=40), st.booleans())
def test_any_bytes_of_any_vr_become_valid_json(vr, raw, big_endian):
    charset = charset_of(["ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 149"])
    element, _ = decode_value(vr, raw, charset, big_endian=big_endian)
    if element is None:
        assert vr in {"FL", "FD"}
        return
    attributes = {"00100020": element}
    assert decode_attributes(encode_attributes(attributes)) == attributes
    encode_native(attributes)


@given(st.text(max_size=60), st.sampled_from(["DA", "TM", "DT"]))
def test_any_text_is_a_date_or_none(text, vr):
    span = parse_range(vr, text)
    assert span is None or span.first is None or span.last is None or span.first <= span.last


@given(
    st.binary(max_size=60),
    st.lists(st.sampled_from(["", "ISO 2022 IR 13", "ISO 2022 IR 58", "ISO_IR 192", "GBK", "x"]), max_size=3),
)
def test_any_bytes_of_any_character_set_become_text(raw, terms):
    charset_of(terms).decode(raw + struct.pack("4s", b"\x1b$B")).encode("utf-8")


@given(
    st.one_of(
        st.binary(max_size=80),
        DATASET.map(encode_native).flatmap(
            lambda document: st.tuples(st.integers(0, len(document)), st.binary(max_size=3)).map(
                lambda cut: document[: cut[0]] + cut[1] + document[cut[0] + len(cut[1]) :]
            )
        ),
    )
)
def test_damaged_documents_are_refused_or_read(document):
    for decode in (decode_native, decode_attributes):
        with suppress(DicomError):
            decode(document)
