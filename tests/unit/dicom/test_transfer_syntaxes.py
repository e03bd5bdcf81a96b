"""PS3.5 Annex A, PS3.6 Table A-1; media types of PS3.18 Tables 8.7.3-4 and 8.7.3-5."""

import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind, get

# RFC 2557 and XML encoding were never for stored files and are retired.
NOT_FOR_FILES = {"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2"}
OF_PYDICOM = {uid for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"} - NOT_FOR_FILES
NOT_ENCAPSULATED = {
    # Pixels are elsewhere (JPIP), or never in a file (SMPTE); pydicom counts all but three syntaxes as encapsulated.
    *(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205)),
    *(f"1.2.840.10008.1.2.7.{number}" for number in (1, 2, 3)),
    "1.2.840.10008.1.20",
}


def test_every_syntax_of_the_dictionary_is_known():
    assert set() == OF_PYDICOM - TRANSFER_SYNTAXES.keys()


@pytest.mark.parametrize("uid", sorted(OF_PYDICOM))
def test_names_and_properties_agree_with_the_dictionary(uid):
    syntax, row = TRANSFER_SYNTAXES[uid], UID_dictionary[uid]
    assert (syntax.name, syntax.retired) == (row[0], row[3] == "Retired")
    if uid not in NOT_ENCAPSULATED:
        other = UID(uid)
        assert syntax.explicit is not other.is_implicit_VR
        assert syntax.big_endian is not other.is_little_endian
        assert syntax.deflated is other.is_deflated
        assert syntax.encapsulated is other.is_encapsulated


@pytest.mark.parametrize(
    ("suffix", "kind", "media_type", "lossy"),
    [
        ("", Kind.UNCOMPRESSED, "application/octet-stream", False),
        (".1", Kind.UNCOMPRESSED, "application/octet-stream", False),
        (".1.98", Kind.UNCOMPRESSED, "application/octet-stream", False),
        (".4.50", Kind.JPEG, "image/jpeg", True),
        (".4.51", Kind.JPEG, "image/jpeg", True),
        (".4.57", Kind.JPEG, "image/jpeg", False),
        (".4.70", Kind.JPEG, "image/jpeg", False),
        (".4.80", Kind.JPEG_LS, "image/jls", False),
        (".4.81", Kind.JPEG_LS, "image/jls", True),
        (".4.90", Kind.JPEG_2000, "image/jp2", False),
        (".4.91", Kind.JPEG_2000, "image/jp2", True),
        (".4.92", Kind.JPEG_2000_PART_2, "image/jpx", False),
        (".4.93", Kind.JPEG_2000_PART_2, "image/jpx", True),
        (".4.94", Kind.JPIP, None, True),
        (".4.100", Kind.MPEG2, "video/mpeg", True),
        (".4.101.1", Kind.MPEG2, "video/mpeg", True),
        (".4.102", Kind.H264, "video/mp4", True),
        (".4.106.1", Kind.H264, "video/mp4", True),
        (".4.107", Kind.H265, "video/H265", True),
        (".4.110", Kind.JPEG_XL, "image/jxl", False),
        (".4.111", Kind.JPEG_XL, "image/jxl", True),
        (".4.112", Kind.JPEG_XL, "image/jxl", True),
        (".4.201", Kind.HTJ2K, "image/jphc", False),
        (".4.202", Kind.HTJ2K, "image/jphc", False),
        (".4.203", Kind.HTJ2K, "image/jphc", True),
        (".5", Kind.RLE, "image/dicom-rle", False),
        (".7.1", Kind.SMPTE, None, False),
        (".8.1", Kind.DEFLATED_FRAME, "application/x-deflate", False),
    ],
)
def test_media_types_of_bulk_data(suffix, kind, media_type, lossy):
    syntax = get("1.2.840.10008.1.2" + suffix)
    assert syntax is not None
    assert (syntax.kind, syntax.media_type, syntax.lossy) == (kind, media_type, lossy)


def test_only_mpeg_is_video():
    video = {syntax.uid.removeprefix("1.2.840.10008.1.2.4.") for syntax in TRANSFER_SYNTAXES.values() if syntax.video}
    plain = {str(number) for number in range(100, 109)}
    assert video == plain | {f"{number}.1" for number in range(100, 107)}


def test_unknown_syntax():
    assert get("1.2.840.113619.5.2") is None
