"""Value fields to attribute objects: PS3.5 6.2, PS3.18 F.2.2 to F.2.7, fact sheet 12.1."""

import struct
from base64 import b64encode

import pytest

from filmjacket.dicom.charset import DEFAULT_CHARSET, charset_of
from filmjacket.dicom.values import DECODERS, decode_value, swap_bytes
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS

LATIN = charset_of(["ISO_IR 100"])
JAPANESE = charset_of(["", "ISO 2022 IR 87"])


def value_of(vr, raw, charset=DEFAULT_CHARSET, *, big_endian=False):
    element, warning = decode_value(vr, raw, charset, big_endian=big_endian)
    assert warning is None
    assert element is not None
    return element.get("Value")


def test_every_vr_but_sequences_has_a_decoder():
    assert set(VALUE_REPRESENTATIONS) - set(DECODERS) == {"SQ"}


@pytest.mark.parametrize("vr", sorted(DECODERS))
def test_zero_length_keeps_the_vr_only(vr):
    assert decode_value(vr, b"", DEFAULT_CHARSET) == ({"vr": vr}, None)


@pytest.mark.parametrize("vr", sorted(vr for vr in DECODERS if VALUE_REPRESENTATIONS[vr].unit == 0))
def test_padding_alone_is_an_empty_value(vr):
    assert decode_value(vr, b"  ", DEFAULT_CHARSET) == ({"vr": vr}, None)
    assert decode_value(vr, b"\0\0", DEFAULT_CHARSET) == ({"vr": vr}, None)


@pytest.mark.parametrize(
    ("vr", "raw", "value"),
    [
        ("AE", b" STORE1 ", ["STORE1"]),
        ("AS", b"034Y", ["034Y"]),
        ("CS", b"ORIGINAL\\PRIMARY \\ AXIAL", ["ORIGINAL", "PRIMARY", "AXIAL"]),
        ("CS", b"A\\\\B ", ["A", None, "B"]),
        ("CS", b"\\", [None, None]),
        ("DA", b"20040119", ["20040119"]),
        ("DA", b"2004.01.19", ["2004.01.19"]),
        ("DT", b"20040119072730.5+0100 ", ["20040119072730.5+0100"]),
        ("TM", b"072730.123456", ["072730.123456"]),
        ("TM", b"07:27:30", ["07:27:30"]),
        ("TM", b"0727", ["0727"]),
        ("LO", b" two words ", ["two words"]),
        ("SH", b"a\0", ["a"]),
        ("ST", b"  indented\\text  ", ["  indented\\text"]),
        ("LT", b" line\r\nline \0", [" line\r\nline"]),
        ("UT", b"\\", ["\\"]),
        ("UC", b" a\\b ", [" a", "b"]),
        ("UR", b"http://host/a\\b ", ["http://host/a\\b"]),
        ("UI", b"1.2.840.10008.1.1\0", ["1.2.840.10008.1.1"]),
        ("UI", b"1.2\\1.3\0", ["1.2", "1.3"]),
    ],
)
def test_text(vr, raw, value):
    assert value_of(vr, raw) == value


@pytest.mark.parametrize(
    ("vr", "raw", "value"),
    [
        ("DS", b"0.5\\-1.25e2 \\+3", [0.5, -125.0, 3]),
        ("DS", b"512 ", [512]),
        ("DS", b".5\\5.", [0.5, 5.0]),
        ("DS", b"1\\\\3", [1, None, 3]),
        ("IS", b" 12", [12]),
        ("IS", b"-2147483648\\2147483647", [-2147483648, 2147483647]),
        ("IS", b"1.0 ", [1]),
    ],
)
def test_number_text_becomes_numbers(vr, raw, value):
    decoded = value_of(vr, raw)
    assert decoded == value
    assert [type(number) for number in decoded] == [type(number) for number in value]


@pytest.mark.parametrize(
    ("vr", "raw", "value"),
    [
        ("DS", b"nan ", ["nan"]),
        ("DS", b"inf ", ["inf"]),
        ("DS", b"1e999 ", ["1e999"]),
        ("DS", b"1_0 ", ["1_0"]),
        ("DS", b"1,5 ", ["1,5"]),
        ("DS", b"2\\x ", [2, "x"]),
        ("DS", b"12345678901234567890", ["12345678901234567890"]),
        ("IS", b"2147483648", ["2147483648"]),
        ("IS", b"1.5 ", ["1.5"]),
        ("IS", b"1e400 ", ["1e400"]),
        ("IS", b"", None),
        ("UI", b"1..2", ["1..2"]),
        ("UI", b"1.2.", ["1.2."]),
        ("UI", b"abc", ["abc"]),
        ("UI", b"1." * 33 + b"1", ["1." * 33 + "1"]),
        ("DA", b"20041301", ["20041301"]),
        ("DA", b"20040231", ["20040231"]),
        ("DA", b"yesterday ", ["yesterday"]),
        ("TM", b"2561", ["2561"]),
        ("DT", b"2004x", ["2004x"]),
        ("AS", b"34 Y", ["34 Y"]),
        ("DS", b"\xb2", ["²"]),
        ("DS", b"9" * 5000, ["9" * 5000]),
        ("IS", b"0" * 20 + b"7", ["0" * 20 + "7"]),
    ],
)
def test_bad_content_keeps_the_original_and_warns_without_telling_it(vr, raw, value):
    element, warning = decode_value(vr, raw, DEFAULT_CHARSET)
    if value is None:
        assert (element, warning) == ({"vr": vr}, None)
        return
    assert element == {"vr": vr, "Value": value}
    assert warning
    assert raw.decode("latin_1").strip() not in warning


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"Doe^John ", [{"Alphabetic": "Doe^John"}]),
        (b"^^^^", [{"Alphabetic": "^^^^"}]),
        (b"Doe^John^^ ", [{"Alphabetic": "Doe^John^^"}]),
        (b"A=B=C", [{"Alphabetic": "A", "Ideographic": "B", "Phonetic": "C"}]),
        (b"=B", [{"Ideographic": "B"}]),
        (b"A ==C ", [{"Alphabetic": "A", "Phonetic": "C"}]),
        (b"A=", [{"Alphabetic": "A"}]),
        (b"A\\B", [{"Alphabetic": "A"}, {"Alphabetic": "B"}]),
        (b"A\\\\=B", [{"Alphabetic": "A"}, None, {"Ideographic": "B"}]),
        (b"==", None),
    ],
)
def test_person_name_groups(raw, value):
    assert value_of("PN", raw) == value


def test_fourth_group_is_kept_with_a_warning():
    element, warning = decode_value("PN", b"A=B=C=D", DEFAULT_CHARSET)
    assert element == {"vr": "PN", "Value": [{"Alphabetic": "A", "Ideographic": "B", "Phonetic": "C=D"}]}
    assert warning


def test_person_name_in_several_character_sets():
    raw = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    assert value_of("PN", raw, JAPANESE) == [name]


def test_backslash_inside_a_two_byte_character_does_not_split():
    assert value_of("LO", b"\x1b$B1\\\\1\x1b(B\\x ", JAPANESE) == [b"\x1b$B1\\\\1".decode("iso2022_jp"), "x"]


def test_specific_character_set_is_for_its_vrs_only():
    assert value_of("LO", b"M\xfcller", LATIN) == ["Müller"]
    assert decode_value("CS", b"M\xdcLL", LATIN)[1]


@pytest.mark.parametrize(
    ("vr", "code", "values"),
    [
        ("US", "H", [0, 65535]),
        ("SS", "h", [-32768, 32767]),
        ("UL", "I", [0, 2**32 - 1]),
        ("SL", "i", [-(2**31)]),
        ("FL", "f", [0.5, -2.0]),
        ("FD", "d", [0.1, 1e300, -0.0]),
        ("SV", "q", [-(2**53) + 1, 2**53 - 1]),
        ("UV", "Q", [7]),
    ],
)
@pytest.mark.parametrize("big_endian", [False, True])
def test_binary_numbers(vr, code, values, big_endian):
    raw = struct.pack(f"{'>' if big_endian else '<'}{len(values)}{code}", *values)
    assert value_of(vr, raw, big_endian=big_endian) == values


def test_f_2_3_1_64_bit_integers_beyond_a_double_are_text():
    assert value_of("UV", struct.pack("<2Q", 2**53, 2**64 - 1)) == [
        "9007199254740992",
        "18446744073709551615",
    ]
    assert value_of("SV", struct.pack("<q", -(2**63))) == ["-9223372036854775808"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("vr", "code"), [("FL", "f"), ("FD", "d")])
def test_what_json_has_no_number_for_is_left_to_bulk_data(vr, code, number):
    assert decode_value(vr, struct.pack(f"<2{code}", 1.0, number), DEFAULT_CHARSET) == (None, None)


@pytest.mark.parametrize(("vr", "length"), [("US", 3), ("UL", 6), ("FD", 12), ("AT", 6), ("UV", 1)])
def test_impossible_length_becomes_unknown(vr, length):
    element, warning = decode_value(vr, b"\1" * length, DEFAULT_CHARSET)
    assert element == {"vr": "UN", "InlineBinary": b64encode(b"\1" * length).decode()}
    assert vr in (warning or "")


def test_unknown_vr_becomes_unknown():
    element, warning = decode_value("QQ", b"\1\2", DEFAULT_CHARSET)
    assert element == {"vr": "UN", "InlineBinary": "AQI="}
    assert warning


def test_attribute_tags():
    assert value_of("AT", b"\x10\x00\x20\x00\xe0\x7f\x10\x00") == ["00100020", "7FE00010"]
    assert value_of("AT", b"\x00\x10\x00\x20", big_endian=True) == ["00100020"]


@pytest.mark.parametrize(
    ("vr", "little"),
    [
        ("OB", b"\1\2\3\4\5\6\7\x08"),
        ("UN", b"\1\2\3\4\5\6\7\x08"),
        ("OW", b"\2\1\4\3\6\5\x08\7"),
        ("OL", b"\4\3\2\1\x08\7\6\5"),
        ("OF", b"\4\3\2\1\x08\7\6\5"),
        ("OD", b"\x08\7\6\5\4\3\2\1"),
        ("OV", b"\x08\7\6\5\4\3\2\1"),
    ],
)
def test_f_2_7_inline_binary_is_little_endian(vr, little):
    raw = b"\1\2\3\4\5\6\7\x08"
    assert decode_value(vr, raw, DEFAULT_CHARSET)[0] == {"vr": vr, "InlineBinary": b64encode(raw).decode()}
    swapped, _ = decode_value(vr, raw, DEFAULT_CHARSET, big_endian=True)
    assert swapped == {"vr": vr, "InlineBinary": b64encode(little).decode()}


def test_swapping_leaves_an_incomplete_word():
    assert swap_bytes(b"\1\2\3\4\5", 2) == b"\2\1\4\3\5"
    assert swap_bytes(b"\1", 4) == b"\1"
