"""The incremental scanner: PS3.10 7.1, PS3.5 6.2.2, 7.1, 7.5, A.1 to A.5, and what real files do instead."""

import struct
import zlib

import pytest
from tests.part10 import (
    BIG,
    DEFLATED,
    IMPLICIT,
    ITEM_END,
    J2K,
    LITTLE,
    SEQUENCE_END,
    UNDEFINED,
    encapsulated,
    explicit,
    implicit,
    item,
    open_item,
    part10,
)

from filmjacket.dicom import events as ev
from filmjacket.dicom import fragment_scanner, inflate, limits
from filmjacket.dicom.file_meta import MAX_META_BYTES
from filmjacket.dicom.inflate import Inflater
from filmjacket.dicom.limits import MAX_DEPTH, OverLimit
from filmjacket.dicom.scanner import Scanner
from filmjacket.errors import DicomError

FIRST = explicit("00080005", "CS", b"ISO_IR 100")
NAME = explicit("00100010", "PN", b"A^B ")


def scan(content: bytes, *, large: int = 2000, pass_through: bool = False):
    scanner = Scanner(lambda tag, vr, length, kept: length > large, pass_through=pass_through)
    events = [event for piece in scanner.feed(content) for event in piece]
    events += [event for piece in scanner.finish() for event in piece]
    return scanner, events


def values(content: bytes) -> dict[str, tuple[str, bytes]]:
    return {event[1]: (event[2], event[5]) for event in scan(content)[1] if event[0] == ev.VALUE}


def shape(content: bytes) -> str:
    """The structure as text: tags, S( ) for sequences, i for items."""
    marks = {ev.SEQUENCE: "S(", ev.SEQUENCE_END: ")", ev.ITEM: "i"}
    return " ".join(marks.get(event[0], event[1]) for event in scan(content)[1])


def texts(content: bytes) -> list[str]:
    return [warning.text for warning in scan(content)[0].warnings]


# -- encodings -----------------------------------------------------------------------------------------------


def data_set(make, order: str = "<") -> bytes:
    return b"".join(
        make(tag, *vr, value, order=order)
        for tag, vr, value in (
            ("00080005", ("CS",), b"ISO_IR 100"),
            ("00100010", ("PN",), b"A^B "),
            ("00280010", ("US",), struct.pack(order + "H", 3)),
        )
    )


def without_vr(tag: str, _: str, value: bytes, *, order: str) -> bytes:
    return implicit(tag, value, order=order)


ENCODED = {
    LITTLE: data_set(explicit),
    IMPLICIT: data_set(without_vr),
    BIG: data_set(explicit, ">"),
}


@pytest.mark.parametrize("syntax", ENCODED)
def test_each_encoding(syntax):
    scanner, events = scan(part10(ENCODED[syntax], syntax))
    assert [event[1:3] for event in events] == [("00080005", "CS"), ("00100010", "PN"), ("00280010", "US")]
    assert events[1][5] == b"A^B "
    assert events[2][5] == (b"\0\3" if syntax == BIG else b"\3\0")
    assert (scanner.transfer_syntax, scanner.warnings) == (syntax, [])


def test_offsets_are_those_of_values_in_the_file():
    content = part10(FIRST + NAME + explicit("00420011", "OB", b"12345678"))
    for _, _, _, offset, length, raw in scan(content)[1]:
        assert content[offset : offset + length] == raw


def test_deflated_offsets_count_in_the_inflated_data_set():
    plain = FIRST + NAME
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = part10(deflater.compress(plain) + deflater.flush() + b"\0", DEFLATED)
    scanner, events = scan(content)
    assert scanner.deflated
    assert [event[3] - scanner.data_set_offset for event in events] == [8, 8 + 10 + 8]
    with pytest.raises(DicomError, match="truncated"):
        scan(content[:-8])
    with pytest.raises(DicomError, match="damaged"):
        scan(part10(b"\xff" * 40, DEFLATED))


def test_deflated_in_name_only():
    scanner, events = scan(part10(FIRST, DEFLATED))
    assert (scanner.deflated, scanner.transfer_syntax) == (False, LITTLE)
    assert [event[1] for event in events] == ["00080005"]
    assert scanner.warnings


def test_a_deflated_stream_that_looks_like_file_meta_is_not_taken_for_it():
    stored = b"\x02\0\x10\0UI\2\0"  # what a deflate stream may begin with
    scanner = Scanner(lambda *_: False)
    with pytest.raises(DicomError, match="damaged"):
        list(scanner.feed(part10(stored + bytes(200), DEFLATED)))
    assert [tag for tag, _, _ in scanner.meta.elements] == ["00020000", "00020001", "00020010"]


def test_inflating_stops_at_the_limit():
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = bomb.compress(bytes(4_000_000)) + bomb.flush()
    assert sum(map(len, Inflater(4_000_000).feed(content))) == 4_000_000
    with pytest.raises(OverLimit, match="inflates"):
        list(Inflater(3_999_999).feed(content))
    assert max(map(len, Inflater().feed(content))) <= 256 * 1024
    assert inflate.MAX_INFLATED_BYTES == 2**32


# -- preamble and File Meta Information ----------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ENCODED)
def test_a_bare_data_set_is_recognised(syntax):
    scanner, events = scan(ENCODED[syntax])
    assert scanner.transfer_syntax == syntax
    assert len(events) == 3
    assert scanner.data_set_offset == 0
    assert "no File Meta Information" in texts(ENCODED[syntax])


@pytest.mark.parametrize("start", [132, 128], ids=["meta without preamble", "prefix without preamble"])
def test_a_missing_preamble(start):
    scanner, events = scan(part10(FIRST)[start:])
    assert (scanner.transfer_syntax, len(events)) == (LITTLE, 1)
    assert "no preamble" in [warning.text for warning in scanner.warnings]


@pytest.mark.parametrize(
    "change", [b"", explicit("00020000", "UL", b"\xff\xff\0\0"), explicit("00020000", "UL", bytes(4))]
)
def test_a_missing_or_wrong_group_length(change):
    content = part10(FIRST)
    content = content[:132] + change + content[144:]
    scanner, events = scan(content)
    assert (scanner.transfer_syntax, len(events)) == (LITTLE, 1)
    assert [warning.text for warning in scanner.warnings] == ["File Meta Information Group Length is missing or wrong"]


def test_file_meta_in_implicit_vr():
    content = bytes(128) + b"DICM" + implicit("00020010", IMPLICIT.encode() + b"\0") + ENCODED[IMPLICIT]
    scanner, events = scan(content)
    assert (scanner.transfer_syntax, len(events)) == (IMPLICIT, 3)


@pytest.mark.parametrize("syntax", ENCODED)
def test_a_missing_transfer_syntax(syntax):
    scanner, events = scan(part10(ENCODED[syntax], None))
    assert (scanner.transfer_syntax, len(events)) == (syntax, 3)
    assert [warning.text for warning in scanner.warnings] == ["no Transfer Syntax UID"]


@pytest.mark.parametrize(("stated", "actual"), [(a, b) for a in ENCODED for b in ENCODED if a != b])
def test_a_wrong_transfer_syntax(stated, actual):
    scanner, events = scan(part10(ENCODED[actual], stated))
    assert (scanner.transfer_syntax, len(events)) == (actual, 3)
    assert len(scanner.warnings) == 1


def test_an_implicit_data_set_of_an_encapsulated_syntax_keeps_the_syntax():
    scanner, events = scan(part10(ENCODED[IMPLICIT], J2K))
    assert (scanner.transfer_syntax, scanner.encoding.explicit, len(events)) == (J2K, False, 3)


def test_an_unknown_transfer_syntax_is_explicit_little_endian():
    scanner, events = scan(part10(explicit("00990010", "LO", b"AB"), "1.2.3.4"))
    assert (scanner.transfer_syntax, len(events)) == ("1.2.3.4", 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(300), bytes(1000), b"{}" * 100, b"%PDF-1.7\n" * 40],
    ids=["nothing", "short", "png", "zeros", "json", "pdf"],
)
def test_what_is_not_dicom_is_refused(content):
    with pytest.raises(DicomError, match="not a DICOM file"):
        scan(content)


def test_an_undiscernible_data_set_without_transfer_syntax_is_refused():
    with pytest.raises(DicomError, match="names no transfer syntax"):
        scan(part10(b"\x99\x99" * 20, None))


def test_file_meta_is_bounded():
    content = bytes(128) + b"DICM" + explicit("00020102", "OB", b"", length=MAX_META_BYTES + 1)
    with pytest.raises(OverLimit):
        list(Scanner(lambda *_: False).feed(content + bytes(100)))


@pytest.mark.parametrize("cut", [140, 144, 150, 158, 160])
def test_truncated_file_meta(cut):
    with pytest.raises(DicomError, match="truncated"):
        scan(part10(b"")[:cut])


# -- sequences (PS3.5 7.5) -----------------------------------------------------------------------------------

CODE = explicit("00080100", "SH", b"C1")


@pytest.mark.parametrize(
    "sequence",
    [
        explicit("0040A730", "SQ", item(CODE) + item()),
        explicit("0040A730", "SQ", open_item(CODE) + open_item()),
        explicit("0040A730", "SQ", item(CODE) + open_item() + SEQUENCE_END, length=UNDEFINED),
        explicit("0040A730", "SQ", open_item(CODE) + item() + SEQUENCE_END, length=UNDEFINED),
    ],
    ids=["defined", "items undefined", "sequence undefined", "both"],
)
def test_lengths_of_sequences_and_items(sequence):
    content = part10(FIRST + sequence + NAME.replace(b"\x10\0\x10\0", b"\x40\0\x31\xa7"))
    assert shape(content) == "00080005 S( i 00080100 i ) 0040A731"
    assert texts(content) == []


@pytest.mark.parametrize("length", [0, UNDEFINED])
def test_empty_sequences(length):
    end = SEQUENCE_END if length else b""
    content = part10(FIRST + explicit("00081140", "SQ", end, length=length) + NAME)
    assert shape(content) == "00080005 S( ) 00100010"


def test_nested_sequences_close_together():
    inner = explicit("0040A043", "SQ", item(CODE))
    content = part10(explicit("0040A730", "SQ", item(explicit("0040A730", "SQ", item(inner)))))
    assert shape(content) == "S( i S( i S( i 00080100 ) ) )"


@pytest.mark.parametrize(
    ("sequence", "expected", "warning"),
    [
        (
            explicit("00081140", "SQ", item(CODE + ITEM_END)),
            "00080005 S( i 00080100 ) 00100010",
            "an item of defined length ends with a delimiter",
        ),
        (
            explicit("00081140", "SQ", item(CODE) + SEQUENCE_END),
            "00080005 S( i 00080100 ) 00100010",
            "a sequence of defined length ends with a delimiter",
        ),
        (
            explicit("00081140", "SQ", item(CODE) + ITEM_END + SEQUENCE_END, length=UNDEFINED),
            "00080005 S( i 00080100 ) 00100010",
            "a delimiter outside of any item",
        ),
        (
            explicit("00081140", "SQ", implicit("FFFEE000", length=UNDEFINED) + CODE + SEQUENCE_END, length=UNDEFINED),
            "00080005 S( i 00080100 ) 00100010",
            "an item without its delimiter ends with its sequence",
        ),
        (
            explicit("00081140", "SQ", implicit("FFFEE000", length=UNDEFINED) + CODE),
            "00080005 S( i 00080100 ) 00100010",
            "an item without its delimiter ends with its sequence",
        ),
        (
            explicit("00081140", "SQ", item(CODE + bytes(4))),
            "00080005 S( i 00080100 ) 00100010",
            "4 zero bytes at the end of an item",
        ),
        (SEQUENCE_END, "00080005 00100010", "a delimiter outside of any sequence"),
    ],
)
def test_delimiters_too_many_or_missing(sequence, expected, warning):
    content = part10(FIRST + sequence + NAME)
    assert shape(content) == expected
    assert warning in texts(content)


@pytest.mark.parametrize(
    "broken",
    [
        explicit("00081140", "SQ", item(CODE, length=100)),  # an item longer than its sequence
        explicit("00081140", "SQ", item(explicit("00080100", "SH", b"C1", length=50))),  # a value longer than its item
        explicit("00081140", "SQ", item(CODE) + CODE, length=UNDEFINED) + SEQUENCE_END,  # no item
        explicit("00081140", "SQ", item(CODE) + b"abc"),  # stray bytes in the sequence
        explicit("00081140", "SQ", item(CODE + b"abc")),  # stray bytes in the item
        explicit("00080008", "CS", length=0xFFFF) + item(),
        item(CODE),  # an item outside of a sequence
        explicit("00420010", "UT", length=UNDEFINED) + SEQUENCE_END,  # undefined length where it is not allowed
    ],
    ids=range(8),
)
def test_broken_structure_is_refused(broken):
    with pytest.raises(DicomError):
        scan(part10(FIRST + broken + NAME))


def test_nesting_is_limited():
    def nested(depth: int) -> bytes:
        content = b""
        for _ in range(depth):
            content = explicit("0040A730", "SQ", open_item(content) + SEQUENCE_END, length=UNDEFINED)
        return part10(FIRST + content)

    assert shape(nested(MAX_DEPTH)).count("S(") == MAX_DEPTH
    with pytest.raises(OverLimit, match="nested"):
        scan(nested(MAX_DEPTH + 1))
    with pytest.raises(OverLimit, match="nested"):
        scan(
            part10(
                FIRST + explicit("0040A730", "SQ", implicit("FFFEE000", length=UNDEFINED), length=UNDEFINED) * 99_999
            )
        )


# -- unknown and wrong VRs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [LITTLE, BIG])
def test_un_of_undefined_length_is_an_implicit_little_endian_sequence(syntax):
    """CP-246, PS3.5 6.2.2, whatever the transfer syntax."""
    order = ">" if syntax == BIG else "<"
    body = open_item(implicit("00080100", b"C1")) + SEQUENCE_END
    content = part10(
        explicit("00080005", "CS", b"ISO_IR 100", order=order)
        + explicit("00091001", "UN", length=UNDEFINED, order=order)
        + body
        + explicit("00100010", "PN", b"A^B ", order=order),
        syntax,
    )
    assert shape(content) == "00080005 S( i 00080100 ) 00100010"
    assert values(content)["00080100"] == ("SH", b"C1")
    assert [event[2] for event in scan(content)[1] if event[0] == ev.SEQUENCE] == ["UN"]


def test_un_of_undefined_length_with_explicit_content():
    long_text = explicit("00080104", "LO", b"x" * 40)
    body = open_item(CODE + long_text) + SEQUENCE_END
    content = part10(FIRST + explicit("00091001", "UN", body, length=UNDEFINED) + NAME)
    assert values(content)["00080104"] == ("LO", b"x" * 40)
    assert "an explicit VR in an implicit VR data set" in texts(content)


def test_un_of_defined_length_stays_as_it_is():
    assert values(part10(explicit("00091001", "UN", item(CODE))))["00091001"] == ("UN", item(CODE))


def test_private_undefined_length_in_implicit_is_a_sequence():
    content = part10(
        implicit("00091001", open_item(implicit("00080100", b"C1")) + SEQUENCE_END, length=UNDEFINED), IMPLICIT
    )
    assert shape(content) == "S( i 00080100 )"


def test_a_retired_attribute_whose_vr_is_a_sequence_now():
    content = part10(ENCODED[IMPLICIT] + implicit("0040A170", b"NAMED TYPE"), IMPLICIT)
    assert values(content)["0040A170"] == ("UN", b"NAMED TYPE")


@pytest.mark.parametrize(("representation", "vr"), [(b"\0\0", "US"), (b"\1\0", "SS")])
def test_pixel_representation_decides_us_or_ss_in_implicit(representation, vr):
    content = part10(implicit("00280103", representation) + implicit("00280106", b"\xff\xff"), IMPLICIT)
    assert values(content)["00280106"] == (vr, b"\xff\xff")


def test_an_implicit_element_in_an_explicit_data_set():
    content = part10(FIRST + implicit("00100010", b"A^B ") + explicit("00100020", "LO", b"1 "))
    assert values(content)["00100010"] == ("PN", b"A^B ")
    assert texts(content) == ["no VR"]


def test_implicit_items_in_an_explicit_sequence():
    inside = implicit("00080100", b"C1") + implicit("00080102", b"DCM ")
    content = part10(FIRST + explicit("00081140", "SQ", item(inside)) + NAME)
    assert shape(content) == "00080005 S( i 00080100 00080102 ) 00100010"


def test_an_implicit_sequence_in_an_explicit_data_set():
    inside = implicit("00081140", open_item(implicit("00080100", b"C1")) + SEQUENCE_END, length=UNDEFINED)
    assert shape(part10(FIRST + inside + NAME)) == "00080005 S( i 00080100 ) 00100010"


@pytest.mark.parametrize("code", [b"??", b"  ", b"\0\0", b"1A", b"-p"])
def test_two_bytes_that_are_no_vr(code):
    odd = explicit("00080020", "DA", b"20260101").replace(b"DA", code)
    content = part10(FIRST + odd + NAME)
    assert values(content)["00080020"] == ("DA", b"20260101")
    assert len(texts(content)) == 1


@pytest.mark.parametrize("header", ["short", "long"])
def test_a_vr_that_is_yet_to_come(header):
    odd = explicit("00090011", "UN", b"12345678") if header == "long" else explicit("00090011", "LO", b"12345678")
    content = part10(FIRST + odd.replace(b"UN" if header == "long" else b"LO", b"XY") + NAME)
    assert values(content)["00090011"][1] == b"12345678"
    assert texts(content) == ["unknown VR"]


def test_a_length_that_spells_a_vr_is_a_length():
    """A DS of 21,316 bytes: in implicit VR its length is the letters DS."""
    points = (b"-12.25\\" * 4000)[:21_316]
    content = part10(ENCODED[IMPLICIT] + implicit("30060050", points), IMPLICIT)
    scanner, events = scan(content, large=50_000)
    assert events[-1][1:3] == ("30060050", "DS")
    assert events[-1][5] == points
    assert scanner.warnings == []


def test_an_explicit_element_in_an_implicit_data_set():
    content = part10(
        ENCODED[IMPLICIT] + explicit("00280011", "US", b"\4\0") + implicit("00280100", b"\x08\0"), IMPLICIT
    )
    assert values(content)["00280011"] == ("US", b"\4\0")
    pixels = part10(ENCODED[IMPLICIT] + explicit("7FE00010", "OW", bytes(90_000)), IMPLICIT)
    assert scan(pixels)[1][-1][:5:2] == (ev.FLOW, "OW", 90_000)


def test_nonsense_between_elements_is_refused():
    with pytest.raises(DicomError, match="neither a known VR nor a length that fits"):
        scan(part10(FIRST + b"\x07\0\x03\0\xff\xfe\xfd\xfc" + b"\x11" * 100))


# -- the end of the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [1, 7, 8, 9, 512, 700_000])
def test_zeros_behind_the_data_set(padding):
    content = part10(FIRST + NAME + bytes(padding))
    assert shape(content) == "00080005 00100010"
    assert len(texts(content)) == 1


def test_other_bytes_behind_the_padding_are_refused():
    with pytest.raises(DicomError, match="follow the last one"):
        scan(part10(FIRST + NAME + bytes(600) + b"x"))


SEQUENCE = explicit("00081140", "SQ", item(CODE) + open_item(CODE) + SEQUENCE_END, length=UNDEFINED)
WHOLE = part10(FIRST + SEQUENCE + explicit("00420011", "OB", bytes(3000)))
# Cut between two elements of the top level, a file is a smaller data set; nothing can tell.
BOUNDARIES = {len(part10(b"")), len(part10(FIRST)), len(part10(FIRST + SEQUENCE)), len(WHOLE)}


def test_every_truncation_is_noticed():
    begin = len(part10(b""))
    for cut in [*range(begin + 1, begin + 120), *range(begin + 120, len(WHOLE), 97)]:
        if cut not in BOUNDARIES:
            with pytest.raises(DicomError, match="truncated"):
                scan(WHOLE[:cut])
    assert scan(WHOLE)[1]


# -- values that flow through --------------------------------------------------------------------------------


def test_long_values_are_not_kept():
    content = part10(FIRST + explicit("00420011", "OB", bytes(5000)) + NAME.replace(b"\x10\0\x10", b"\x43\0\x10"))
    _, events = scan(content)
    flow = events[1]
    assert flow[:3] == (ev.FLOW, "00420011", "OB")
    assert (content[flow[3] : flow[3] + flow[4]], flow[5]) == (bytes(5000), b"")
    assert events[2][1] == "00430010"


@pytest.mark.parametrize("size", [1, 100, 4096, 10**6])
def test_passed_values_come_in_order(size):
    value = bytes(range(256)) * 20
    content = part10(FIRST + explicit("00420011", "OB", value) + encapsulated(b"a" * 3000, b"b" * 10, table=bytes(4)))
    scanner = Scanner(lambda *_: True, pass_through=True)
    events = []
    for start in range(0, len(content), size):
        events += [event for piece in scanner.feed(content[start : start + size]) for event in piece]
    events += [event for piece in scanner.finish() for event in piece]
    data = b"".join(event[5] for event in events if event[0] == ev.DATA)
    assert data == value + b"a" * 3000 + b"b" * 10


def test_nothing_of_a_long_value_is_held():
    scanner = Scanner(lambda *_: True)
    list(scanner.feed(part10(FIRST + explicit("7FE00010", "OW", length=2**32 - 2))))
    chunk = bytes(2**20)
    for _ in range(64):
        list(scanner.feed(chunk))
    assert scanner.kept < 200


# -- encapsulated Pixel Data (PS3.5 A.4) ---------------------------------------------------------------------


def test_fragments():
    content = part10(FIRST + encapsulated(b"\xff\xd8" + b"a" * 98, b"b" * 6, b"", table=bytes(4)), J2K)
    kinds = [(event[0], event[4], event[5]) for event in scan(content)[1][1:]]
    assert kinds == [
        (ev.ENCAPSULATED, UNDEFINED, b""),
        (ev.OFFSET_TABLE, 4, bytes(4)),
        (ev.FRAGMENT, 100, b"\xff\xd8" + b"a" * 10),
        (ev.FRAGMENT, 6, b"b" * 6),
        (ev.FRAGMENT, 0, b""),
        (ev.ENCAPSULATED_END, 0, b""),
    ]


@pytest.mark.parametrize("vr", ["OB", "OW", "UN"])
def test_pixel_data_of_any_vr(vr):
    events = scan(part10(FIRST + encapsulated(b"ab", vr=vr), J2K))[1]
    assert events[1][:3] == (ev.ENCAPSULATED, "7FE00010", vr)


@pytest.mark.parametrize(
    "pixels",
    [
        encapsulated(b"abcd")[:-8],
        encapsulated(b"abcd")[:-12],
        encapsulated(b"abcd")[:-8] + NAME,
        encapsulated(b"abcd")[:-8] + item(length=UNDEFINED) + SEQUENCE_END,
        explicit("7FE00010", "OB", b"abcdefgh", length=UNDEFINED),
    ],
    ids=["no delimiter", "cut off", "no item", "item of undefined length", "no items at all"],
)
def test_broken_encapsulation_is_refused(pixels):
    with pytest.raises(DicomError):
        scan(part10(FIRST + pixels, J2K))


def test_the_offset_table_is_bounded(monkeypatch):
    monkeypatch.setattr(fragment_scanner, "MAX_OFFSET_TABLE_BYTES", 8)
    scan(part10(FIRST + encapsulated(b"ab", table=bytes(8)), J2K))
    with pytest.raises(OverLimit, match="Basic Offset Table"):
        scan(part10(FIRST + encapsulated(b"ab", table=bytes(12)), J2K))
    assert limits.MAX_OFFSET_TABLE_BYTES >= 8 * 100_000


def test_warnings_are_bounded():
    scanner, _ = scan(part10(FIRST + ITEM_END * 10_000 + NAME))
    assert len(scanner.warnings) == 100


def test_over_limit_is_a_refusal_of_its_own():
    assert (OverLimit.status, issubclass(OverLimit, DicomError)) == (413, True)
