"""Headers: PS3.18 F.2 and 10.4, PS3.3 C.7.6.3, PS3.5 6.2.2 and A.4; offsets, limits."""

import struct
import tracemalloc
import zlib

import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from tests.part10 import (
    BIG,
    DEFLATED,
    IMPLICIT,
    J2K,
    JPEG,
    LITTLE,
    MPEG4,
    RLE,
    SEQUENCE_END,
    UNDEFINED,
    encapsulated,
    explicit,
    implicit,
    item,
    open_item,
    part10,
)
from tests.samples import sample

from filmjacket.dicom import header as header_module
from filmjacket.dicom import inline_rule, pixel_layout
from filmjacket.dicom.encapsulation import split_items, unpack_spans
from filmjacket.dicom.header import BulkValue, HeaderReader, Layout, PixelLayout, read_header
from filmjacket.dicom.inline_rule import INLINE_BINARY_BYTES, INLINE_TEXT_BYTES
from filmjacket.dicom.limits import MAX_DEPTH, MAX_TEXT_BYTES, OverLimit
from filmjacket.errors import DicomError


def us(tag: str, *numbers: int, order: str = "<") -> bytes:
    return explicit(tag, "US", struct.pack(f"{order}{len(numbers)}H", *numbers), order=order)


def image(
    rows: int, columns: int, *, samples: int = 1, bits: int = 8, frames: int | None = None, photometric=b"RGB "
) -> bytes:
    return (
        us("00280002", samples)
        + explicit("00280004", "CS", photometric)
        + (explicit("00280008", "IS", b"%-6d" % frames) if frames is not None else b"")
        + us("00280010", rows)
        + us("00280011", columns)
        + us("00280100", bits)
    )


def read(data_set: bytes, syntax: str = LITTLE):
    return read_header(part10(data_set, syntax))


# -- attributes ----------------------------------------------------------------------------------------------


def test_ct_image():
    header = read_header(sample("CT_small.dcm"))
    assert header.transfer_syntax == LITTLE
    assert header.attributes["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "CompressedSamples^CT1"}]}
    assert header.attributes["00280030"] == {"vr": "DS", "Value": [0.661468, 0.661468]}
    assert header.attributes["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert header.attributes["7FE00010"] == {"vr": "OW", "BulkDataURI": "/7FE00010"}
    assert header.meta["00020010"] == {"vr": "UI", "Value": [LITTLE]}
    assert header.layout.pixel == PixelLayout("7FE00010", "OW", False, 6300, 32768, 1, 128 * 128 * 16)
    assert header.warnings == ()


def test_what_is_no_attribute_is_left_out():
    header = read(
        explicit("00080000", "UL", bytes(4))
        + explicit("00080005", "CS", b"ISO_IR 100")
        + explicit("00090000", "UL", bytes(4))
        + explicit("FFFCFFFC", "OB", bytes(5000))
    )
    assert list(header.attributes) == ["00080005"]
    assert list(header.meta) == ["00020001", "00020010"]
    assert header.layout.bulk == ()


def test_file_meta_inside_of_the_data_set_is_left_out():
    header = read(explicit("00080060", "CS", b"CT") + explicit("00020102", "OB", bytes(3000)) + us("00280010", 1))
    assert list(header.attributes) == ["00080060", "00280010"]
    assert header.layout.bulk == ()
    assert [warning.path for warning in header.warnings] == ["00020102"]


def test_attributes_are_in_file_order():
    header = read(explicit("00100010", "PN", b"A ") + explicit("00080060", "CS", b"CT"))
    assert list(header.attributes) == ["00100010", "00080060"]


def test_text_is_unicode_and_says_so():
    header = read(
        explicit("00080005", "CS", b"ISO_IR 144") + explicit("00100010", "PN", "Люкceмбypг".encode("iso8859_5"))
    )
    assert header.attributes["00080005"]["Value"] == ["ISO_IR 192"]
    assert header.attributes["00100010"]["Value"] == [{"Alphabetic": "Люкceмбypг"}]


def test_items_inherit_the_character_set_and_may_have_their_own():
    greek, latin = "Διον".encode("iso8859_7"), "éè".encode("latin_1")
    name = "00100010"
    header = read(
        explicit("00080005", "CS", b"ISO_IR 126")
        + explicit(
            "00081140",
            "SQ",
            item(explicit(name, "PN", greek))
            + item(explicit("00080005", "CS", b"ISO_IR 100") + explicit(name, "PN", latin))
            + item(explicit(name, "PN", greek)),
        )
        + explicit(name, "PN", greek)
    )
    first, second, third = header.attributes["00081140"]["Value"]
    names = [found[name]["Value"][0]["Alphabetic"] for found in (first, second, third, header.attributes)]
    assert names == ["Διον", "éè", "Διον", "Διον"]
    assert second["00080005"]["Value"] == ["ISO_IR 192"]
    assert "00080005" not in first


def test_what_is_remembered_of_one_file_is_not_taken_for_the_same_bytes_of_another():
    odd = explicit("00080060", "CS", b"CTX")
    for charset, text in ((b"ISO_IR 126", "Διον"), (b"ISO_IR 100", "Äéïí"), (b"ISO_IR 126", "Διον")):
        header = read(explicit("00080005", "CS", charset) + odd + explicit("00100010", "PN", b"\xc4\xe9\xef\xed"))
        assert header.attributes["00100010"]["Value"] == [{"Alphabetic": text}]
        assert [warning.text for warning in header.warnings] == ["odd length"]
    numbers = [read(us("00280010", 258, order=order), syntax) for order, syntax in (("<", LITTLE), (">", BIG))]
    assert [header.attributes["00280010"]["Value"] for header in numbers] == [[258], [258]]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(header_module, "REMEMBERED_VALUES", 3)
    header_module._remembered.cache_clear()
    for number in range(10):
        header = read(explicit("00080060", "CS", b"CT") + us("00280010", number))
        assert header.attributes["00280010"]["Value"] == [number]
    assert len(header_module._remembered(header_module.DEFAULT_CHARSET, False)) <= 4


def test_an_unknown_character_set_warns():
    header = read(explicit("00080005", "CS", b"KLINGON ") + explicit("00100010", "PN", b"A^B "))
    assert header.attributes["00100010"]["Value"] == [{"Alphabetic": "A^B"}]
    assert [warning.path for warning in header.warnings] == ["00080005"]


def test_bad_values_are_kept_with_a_warning_that_does_not_show_them():
    header = read(explicit("00080020", "DA", b"2004.13.1 ") + explicit("00200013", "IS", b"one "))
    assert header.attributes["00080020"]["Value"] == ["2004.13.1"]
    assert header.attributes["00200013"]["Value"] == ["one"]
    assert [warning.path for warning in header.warnings] == ["00080020", "00200013"]
    assert not any("2004" in warning.text or "one" in warning.text.split() for warning in header.warnings)


def test_warnings_of_nested_values_have_a_path():
    header = read(explicit("00081140", "SQ", item() + item(explicit("00081155", "UI", b"no"))))
    assert [warning.path for warning in header.warnings] == ["00081140.1.00081155"]


def test_odd_lengths_are_read_with_a_warning():
    header = read(explicit("00080060", "CS", b"CTX") + explicit("00100010", "PN", b"A^B "))
    assert header.attributes["00080060"]["Value"] == ["CTX"]
    assert [(warning.path, warning.text) for warning in header.warnings] == [("00080060", "odd length")]


def test_empty_values_sequences_and_items():
    header = read(
        explicit("00080050", "SH") + explicit("00081140", "SQ") + explicit("00081115", "SQ", item() + open_item())
    )
    assert header.attributes == {
        "00080050": {"vr": "SH"},
        "00081140": {"vr": "SQ"},
        "00081115": {"vr": "SQ", "Value": [{}, {}]},
    }


def test_warnings_are_bounded():
    header = read(explicit("00081140", "SQ", item(explicit("00081155", "UI", b"no")) * 5000))
    assert len(header.warnings) == header_module.MAX_WARNINGS


# -- bulk values (PS3.18 10.4) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "vr", "length", "bulk"),
    [
        ("00420011", "OB", INLINE_BINARY_BYTES, False),
        ("00420011", "OB", INLINE_BINARY_BYTES + 2, True),
        ("00091001", "UN", INLINE_BINARY_BYTES + 2, True),
        ("00660023", "OL", INLINE_BINARY_BYTES + 4, True),
        ("0040A160", "UT", INLINE_TEXT_BYTES, False),
        ("0040A160", "UT", INLINE_TEXT_BYTES + 2, True),
        ("30060050", "DS", INLINE_TEXT_BYTES, False),
        ("30060050", "DS", INLINE_TEXT_BYTES + 2, True),
        ("00281101", "US", INLINE_TEXT_BYTES + 2, True),
        ("00081155", "UI", 60_000, False),  # may not be bulk data
        ("00080110", "LO", 60_000, False),
        ("7FE00010", "OW", 2, True),  # pixels always are
        ("7FE00008", "OF", 4, True),
        ("7FE00009", "OD", 8, True),
    ],
)
def test_thresholds(tag, vr, length, bulk):
    value = (b"1" * length) if vr in {"UT", "DS", "UI", "LO"} else bytes(length)
    content = part10(explicit(tag, vr, value))
    header = read_header(content)
    assert ("BulkDataURI" in header.attributes[tag]) is bulk
    if bulk:
        assert header.attributes[tag] == {"vr": vr, "BulkDataURI": "/" + tag}
        assert header.layout.bulk == (BulkValue(tag, vr, len(content) - length, length),)


def test_values_that_may_not_be_bulk_are_bounded():
    too_long = b"1" * (MAX_TEXT_BYTES + 2)
    assert len(read(explicit("00081190", "UR", too_long[2:])).attributes["00081190"]["Value"][0]) == MAX_TEXT_BYTES
    with pytest.raises(OverLimit, match="has to be inline"):
        read(explicit("00081190", "UR", too_long))
    with pytest.raises(OverLimit, match="has to be inline"):
        read(implicit("00080005", b"ISO_IR 100") + implicit("00081155", too_long), IMPLICIT)


def test_nested_bulk_values_have_paths_of_tags_and_numbers():
    icon = us("00280010", 4) + explicit("7FE00010", "OW", b"0123456789abcdef")
    blob = explicit("00091001", "UN", bytes(2000))
    content = part10(explicit("00081140", "SQ", item() + item(explicit("00880200", "SQ", item(icon))) + item(blob)))
    header = read_header(content)
    assert [value.path for value in header.layout.bulk] == ["00081140.1.00880200.0.7FE00010", "00081140.2.00091001"]
    value = header.layout.bulk[0]
    assert content[value.offset : value.offset + value.length] == b"0123456789abcdef"
    nested = header.attributes["00081140"]["Value"][1]["00880200"]["Value"][0]["7FE00010"]
    assert nested == {"vr": "OW", "BulkDataURI": "/00081140.1.00880200.0.7FE00010"}
    assert header.layout.pixel is None


def test_encapsulated_icons_are_bulk_but_not_the_pixels_of_the_instance():
    icon = encapsulated(b"\xff\xd8ab", b"cd", table=bytes(4))
    content = part10(explicit("00880200", "SQ", item(icon)) + encapsulated(b"\xff\xd8xyz?"), JPEG)
    header = read_header(content)
    nested, top = header.layout.bulk
    assert nested.path == "00880200.0.7FE00010"
    span = content[nested.offset : nested.offset + nested.length]
    assert [span[offset : offset + length] for offset, length in split_items(span)] == [b"\xff\xd8ab", b"cd"]
    assert header.layout.pixel is not None
    assert header.layout.pixel.offset == top.offset


@pytest.mark.parametrize("vr", ["FL", "FD"])
def test_numbers_without_json_form_become_bulk(vr):
    raw = struct.pack("<2f" if vr == "FL" else "<2d", 1.0, float("nan"))
    content = part10(explicit("00081140", "SQ", item(explicit("00189073", vr, raw))))
    header = read_header(content)
    (value,) = header.layout.bulk
    assert value.path == "00081140.0.00189073"
    assert content[value.offset : value.offset + value.length] == raw
    assert header.attributes["00081140"]["Value"][0]["00189073"] == {"vr": vr, "BulkDataURI": "/" + value.path}


def test_a_huge_header_keeps_less_inline(monkeypatch):
    monkeypatch.setattr(inline_rule, "INLINE_BUDGET", 20_000)
    contour = explicit("30060050", "DS", b"1.25\\" * 1000)
    header = read(explicit("30060040", "SQ", item(contour) * 10))
    inline = ["Value" in found["30060050"] for found in header.attributes["30060040"]["Value"]]
    assert inline == [True] * 3 + [False] * 7 or inline == [True] * 4 + [False] * 6
    assert len(header.layout.bulk) == inline.count(False)


# -- VR UN (PS3.5 6.2.2) -------------------------------------------------------------------------------------


def test_un_of_a_public_attribute_is_what_the_dictionary_says():
    header = read(explicit("00100010", "UN", b"A^B ") + explicit("00280010", "UN", b"\x02\x01"))
    assert header.attributes["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}
    assert header.attributes["00280010"] == {"vr": "US", "Value": [258]}


def test_un_is_little_endian_in_a_big_endian_file():
    data_set = us("00280010", 258, order=">") + explicit("00280011", "UN", b"\x02\x01", order=">")
    header = read(data_set, BIG)
    assert (header.attributes["00280010"]["Value"], header.attributes["00280011"]["Value"]) == ([258], [258])


@pytest.mark.parametrize("value", [item(implicit("00080100", b"C1")), open_item(implicit("00080100", b"C1"))])
def test_un_of_defined_length_that_is_a_sequence(value):
    content = part10(explicit("0040A043", "UN", value + item(implicit("00420011", bytes(3000)))))
    header = read_header(content)
    first, second = header.attributes["0040A043"]["Value"]
    assert first == {"00080100": {"vr": "SH", "Value": ["C1"]}}
    assert second["00420011"]["BulkDataURI"] == "/0040A043.1.00420011"
    (bulk,) = header.layout.bulk
    assert bulk.offset + bulk.length == len(content)


@pytest.mark.parametrize(
    "value",
    [b"no sequence!", item(implicit("00080100", b"C1", length=50)), item(b"abc")],
    ids=["text", "overrun", "stray"],
)
def test_un_that_should_be_a_sequence_but_is_not(value):
    header = read(explicit("0040A043", "UN", value) + explicit("00400555", "SQ"))
    assert set(header.attributes["0040A043"]) == {"vr", "InlineBinary"}
    assert header.attributes["0040A043"]["vr"] == "UN"
    assert header.attributes["00400555"] == {"vr": "SQ"}


def test_un_in_un_in_un():
    """Each level is UN by PS3.6 and a sequence by a private dictionary, so each is tried anew."""
    value = b""
    for _ in range(30):
        value = implicit("00090010", b"ISI ") + implicit("00091001", item(value))
    level = read_header(part10(value, IMPLICIT)).attributes
    for _ in range(30):
        assert level["00091001"]["vr"] == "SQ"
        (level,) = level["00091001"]["Value"]
    assert level == {}


def test_a_sequence_in_un_that_is_too_deep_stays_bytes():
    value = b""
    for _ in range(MAX_DEPTH + 1):
        value = item(implicit("0040A730", value))
    header = read(explicit("0040A730", "UN", value))
    assert header.attributes["0040A730"]["vr"] == "UN"


def test_known_private_attributes_get_their_vr():
    creator = explicit("00190010", "LO", b"SIEMENS MR HEADER ")
    header = read(creator + explicit("0019100C", "UN", b"1000") + explicit("00191099", "UN", b"\1\2"))
    assert header.attributes["0019100C"] == {"vr": "IS", "Value": [1000]}
    assert header.attributes["00191099"] == {"vr": "UN", "InlineBinary": "AQI="}


def test_private_values_that_do_not_fit_their_dictionary_stay_bytes():
    creator = explicit("00190010", "LO", b"SIEMENS MR HEADER ")
    header = read(creator + explicit("0019100C", "UN", b"\xff\xfe\xfd\xfc"))
    assert header.attributes["0019100C"] == {"vr": "UN", "InlineBinary": "//79/A=="}


def test_long_un_is_bulk_under_the_vr_it_has():
    header = read(explicit("30060050", "UN", b"1.25\\" * 20_000) + explicit("30091001", "UN", bytes(5000)))
    assert [(value.path, value.vr) for value in header.layout.bulk] == [("30060050", "DS"), ("30091001", "UN")]


# -- native Pixel Data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "frame_bits", "length"),
    [
        (image(4, 6), 4 * 6 * 8, 24),
        (image(4, 6, samples=3, bits=16), 4 * 6 * 3 * 16, 144),
        (image(3, 5, bits=1), 15, 2),
        (image(4, 6, samples=3, photometric=b"YBR_FULL_422"), 4 * 6 * 2 * 8, 48),
    ],
)
def test_native_frames(attributes, frame_bits, length):
    content = part10(attributes + explicit("7FE00010", "OB", bytes(length)))
    header = read_header(content)
    assert header.layout.pixel == PixelLayout("7FE00010", "OB", False, len(content) - length, length, 1, frame_bits)
    assert header.layout.spans == b""
    assert header.warnings == ()


def test_bits_of_many_frames_are_packed_without_padding():
    header = read(image(3, 5, bits=1, frames=3) + explicit("7FE00010", "OB", bytes(6)))
    assert header.layout.pixel is not None
    assert (header.layout.pixel.frames, header.layout.pixel.frame_bits) == (3, 15)
    assert header.warnings == ()


def test_too_short_pixel_data_warns():
    header = read(image(4, 6, frames=3) + explicit("7FE00010", "OB", bytes(70)))
    assert [warning.path for warning in header.warnings] == ["7FE00010"]


@pytest.mark.parametrize("frames", [b"0 ", b"-3", b"x ", b"", b"99999999999 "])
def test_a_nonsensical_number_of_frames(frames):
    header = read(explicit("00280008", "IS", frames) + explicit("7FE00010", "OB", bytes(8)))
    assert header.layout.pixel is not None
    assert header.layout.pixel.frames >= 1


def test_empty_pixel_data():
    header = read(image(4, 6) + explicit("7FE00010", "OW"))
    assert header.attributes["7FE00010"] == {"vr": "OW"}
    assert (header.layout.pixel, header.layout.bulk) == (None, ())


def test_deflated_pixel_data_counts_in_the_inflated_stream():
    plain = image(4, 6) + explicit("7FE00010", "OB", b"p" * 24)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    layout = read(deflater.compress(plain) + deflater.flush(), DEFLATED).layout
    assert layout.deflated
    assert layout.pixel is not None
    start = layout.pixel.offset - layout.dataset_offset
    assert plain[start : start + layout.pixel.length] == b"p" * 24


# -- encapsulated Pixel Data (PS3.5 A.4) ---------------------------------------------------------------------

SOI, J2K_SOC = b"\xff\xd8", b"\xff\x4f\xff\x51"


def frames_of(content: bytes) -> list[bytes]:
    """The frames that the spans of a header cut out of a file."""
    layout = read_header(content).layout
    frames = []
    for offset, length in unpack_spans(layout.spans):
        span = content[offset : offset + length]
        frames.append(b"".join(span[start : start + size] for start, size in split_items(span)))
    return frames


@pytest.mark.parametrize(
    ("syntax", "frames", "fragments", "table", "expected"),
    [
        (JPEG, 1, [SOI + b"ab", b"cd"], b"", [SOI + b"abcd"]),
        (JPEG, 2, [SOI + b"ab", SOI + b"cd"], b"", [SOI + b"ab", SOI + b"cd"]),
        (JPEG, 2, [b"abcd", b"ef", b"gh"], struct.pack("<2I", 0, 12), [b"abcd", b"efgh"]),
        (JPEG, 2, [SOI + b"ab", b"cd", SOI + b"ef"], b"", [SOI + b"abcd", SOI + b"ef"]),
        (J2K, 2, [J2K_SOC + b"ab", b"\xff\xd8", J2K_SOC], b"", [J2K_SOC + b"ab\xff\xd8", J2K_SOC]),
        (JPEG, 2, [b"ab", b"cd", b"ef"], b"", []),
        (JPEG, 3, [SOI, SOI], b"", []),
        (
            RLE,
            2,
            [struct.pack("<2I", 1, 64), b"ab", struct.pack("<2I", 3, 64)],
            b"",
            [struct.pack("<2I", 1, 64) + b"ab", struct.pack("<2I", 3, 64)],
        ),
        (MPEG4, 500, [b"ab", b"cd"], b"", []),
        (MPEG4, 2, [b"ab", b"cd"], b"", []),
    ],
)
def test_frames(syntax, frames, fragments, table, expected):
    content = part10(explicit("00280008", "IS", b"%-4d" % frames) + encapsulated(*fragments, table=table), syntax)
    assert frames_of(content) == expected
    header = read_header(content)
    assert bool(header.warnings) is (not expected and syntax != MPEG4)
    pixel = header.layout.pixel
    assert pixel is not None
    assert (pixel.encapsulated, pixel.frames, pixel.frame_bits) == (True, frames, 0)
    assert content[pixel.offset : pixel.offset + pixel.length] == b"".join(item(fragment) for fragment in fragments)
    assert content[pixel.offset + pixel.length :] == SEQUENCE_END


@pytest.mark.parametrize("count", [2, 200])
def test_the_extended_offset_table_is_read_however_long(count):
    """Inline or bulk in metadata, its content is used (PS3.3 C.7.6.3.1.8)."""
    fragments = [b"ab", b"cd"] * count
    offsets = struct.pack(f"<{count}Q", *range(0, count * 20, 20))
    content = part10(
        explicit("00280008", "IS", b"%-4d" % count)
        + explicit("7FE00001", "OV", offsets)
        + explicit("7FE00002", "OV", struct.pack(f"<{count}Q", *[4] * count))
        + encapsulated(*fragments),
        JPEG,
    )
    assert frames_of(content) == [b"abcd"] * count
    assert ("BulkDataURI" in read_header(content).attributes["7FE00001"]) is (count > 2)


REAL = [
    "693_J2KI.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "examples_ybr_color.dcm",
    "emri_small_RLE.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "color3d_jpeg_baseline.dcm",
    "JPEG-LL.dcm",
]


@pytest.mark.parametrize("name", REAL)
def test_frames_of_real_files(name):
    path = get_testdata_file(name, read=True, download=False)
    assert path is not None
    content = sample(name)
    count = int(path.get("NumberOfFrames", 1))
    assert frames_of(content) == list(generate_frames(path.PixelData, number_of_frames=count))
    assert len(frames_of(content)) == count


# -- memory and limits ---------------------------------------------------------------------------------------


def test_layout_as_json():
    layout = Layout(
        340,
        True,
        PixelLayout("7FE00010", "OB", True, 2**40, 7, 3, 0),
        (BulkValue("00880200.0.7FE00010", "OW", 5, 6), BulkValue("7FE00010", "OB", 2**40, 7)),
        b"12345678" * 2,
    )
    decoded = Layout.decode(layout.encode())
    assert decoded.spans == b""
    assert (decoded.dataset_offset, decoded.deflated, decoded.pixel, decoded.bulk) == (
        340,
        True,
        layout.pixel,
        layout.bulk,
    )
    bare = Layout(0, False, None, ())
    assert Layout.decode(bare.encode()) == bare


def test_a_gigabyte_passes_in_little_memory():
    reader = HeaderReader()
    reader.feed(part10(image(4, 6)) + explicit("7FE00010", "OW", length=1 << 30))
    chunk = bytes(1 << 20)
    tracemalloc.start()
    for _ in range(1 << 10):
        reader.feed(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    header = reader.finish()
    assert header.layout.pixel is not None
    assert header.layout.pixel.length == 1 << 30
    assert peak < 1_000_000


@pytest.mark.parametrize("limit", ["MAX_EVENTS", "MAX_HEADER_BYTES"])
def test_floods_are_refused(monkeypatch, limit):
    flood = part10(explicit("00081140", "SQ", item(explicit("00081155", "UI")) * 2000))
    read_header(flood)
    monkeypatch.setattr(header_module, limit, 1000)
    with pytest.raises(OverLimit, match="the header has more than"):
        read_header(flood)


def test_a_flood_is_refused_before_it_is_all_read(monkeypatch):
    monkeypatch.setattr(header_module, "MAX_EVENTS", 1000)
    reader = HeaderReader()
    with pytest.raises(OverLimit):
        reader.feed(part10(explicit("00081140", "SQ", b"", length=UNDEFINED)) + item() * 100_000)


def test_fragments_are_bounded(monkeypatch):
    monkeypatch.setattr(pixel_layout, "MAX_FRAGMENTS", 3)
    read(encapsulated(b"a", b"b", b"c"), JPEG)
    with pytest.raises(OverLimit, match="fragments"):
        read(encapsulated(b"a", b"b", b"c", b"d"), JPEG)


@pytest.mark.parametrize(
    "name", ["MR_truncated.dcm", "rtplan_truncated.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"]
)
def test_real_truncated_files_are_refused(name):
    with pytest.raises(DicomError, match="truncated"):
        read_header(sample(name))
