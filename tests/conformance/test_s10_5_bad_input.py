"""Bad input (issue: Bad input; PS3.18 8.5, 10.5.3.1): a clear 4xx or a failed instance, nothing stored, never a 500."""

from __future__ import annotations

import gzip
import struct
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.conformance.wire import Answer, blobs_of, chunked, kept_blobs, send, stored_uids
from tests.samples import multipart, sample, series, uids

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PART10 = {"Content-Type": "application/dicom"}
RELATED = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}


@dataclass(frozen=True)
class Empty:
    """A client on an archive that must stay empty."""

    client: TestClient
    data: Path

    def post(self, *chunks: bytes, target: str = "/studies", **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.client, target, method="POST", headers=fields, chunks=chunks)

    def refuses(self, answer: Answer, *statuses: int) -> None:
        """A 4xx with an explanation, and an archive that is as empty as before."""
        assert answer.status in (statuses or (400, 409)), (answer.status, answer.body[:300])
        body = answer.json()
        assert body.get("detail") or body.get("00081198") or body.get("0008119A")
        assert b"Traceback" not in answer.body
        assert stored_uids(self.client) == set()
        assert blobs_of(self.data) == []
        assert kept_blobs(self.client) == []


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Empty]]:
    """The archive in use, last; a new one takes its place when a test has spoilt it."""
    with ExitStack() as stack:

        class Archives(list[Empty]):
            def renew(self) -> None:
                data = tmp_path_factory.mktemp("empty")
                client = TestClient(create_app(Settings(data=data)), base_url="http://testserver:8104")
                self.append(Empty(stack.enter_context(client), data))

        archives = Archives()
        archives.renew()
        yield archives


@pytest.fixture
def empty(archives: Any) -> Iterator[Empty]:
    """An archive that is empty before the test and must be so after it."""
    yield archives[-1]
    left = blobs_of(archives[-1].data) or kept_blobs(archives[-1].client) or stored_uids(archives[-1].client)
    if left:
        archives.renew()
    assert not left


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element of Explicit VR Little Endian, with a lie about its length if one is given."""
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT", b"OD", b"UC", b"UR"}:
        return head + struct.pack("<HI", 0, size) + value
    return head + struct.pack("<H", size & 0xFFFF) + value


def part10(*elements: bytes, syntax: bytes = b"1.2.840.10008.1.2.1") -> bytes:
    """A Part 10 file with a proper meta header and whatever follows."""
    meta = element(0x00020010, b"UI", syntax + b"\0" * (len(syntax) % 2))
    return bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta + b"".join(elements)


IDENTITY = (
    element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0")
    + element(0x00080018, b"UI", b"1.2.3.1\0")
    + element(0x0020000D, b"UI", b"1.2.3.2\0")
    + element(0x0020000E, b"UI", b"1.2.3.3\0")
)


def test_the_hand_made_identity_is_storable(make_client: Callable[..., TestClient]) -> None:
    """Or else the refusals below would prove nothing."""
    client = make_client()
    answer = send(client, "/studies", method="POST", headers=PART10, chunks=[part10(IDENTITY)])
    assert answer.status == 200, answer.body
    assert stored_uids(client) == {"1.2.3.1"}


class TestTruncatedFiles:
    """Every sixteenth of real files: in each transfer syntax, as a whole request and as a part of one."""

    FILES = (
        "CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "JPEG2000.dcm",
        "SC_rgb_rle_2frame.dcm", "reportsi.dcm", "emri_small_jpeg_2k_lossless.dcm",
    )  # fmt: skip

    @pytest.mark.parametrize("name", FILES)
    def test_single_part(self, empty: Empty, name: str) -> None:
        whole = sample(name)
        for part in range(1, 16):
            answer = empty.post(whole[: len(whole) * part // 16], **PART10)
            empty.refuses(answer)

    @pytest.mark.parametrize("name", FILES)
    def test_each_sixteenth_is_a_failed_instance_of_its_own(self, empty: Empty, name: str) -> None:
        whole = sample(name)
        body, headers = multipart(*(whole[: len(whole) * part // 16] for part in range(1, 16)))
        answer = empty.post(body, **headers)
        empty.refuses(answer)
        failed = [*_items(answer, "00081198"), *_items(answer, "0008119A")]
        assert len(failed) == 15
        assert {item["00081197"]["Value"][0] for item in failed} <= {0xC000, 0xA900}

    @pytest.mark.parametrize("cut", range(1, 16))
    def test_whole_payload_cut_off(self, empty: Empty, cut: int) -> None:
        """Also the instances that had arrived whole: the client is told that nothing was stored."""
        body, headers = multipart(*series(3, "MR_small.dcm"))
        empty.refuses(empty.post(body[: len(body) * cut // 16], **headers), 400)

    @pytest.mark.parametrize("missing", range(1, 9))
    def test_last_bytes_of_the_pixel_data_missing(self, empty: Empty, missing: int) -> None:
        empty.refuses(empty.post(sample("MR_small.dcm")[:-missing], **PART10))


class TestWrongLengths:
    CASES = (
        ("longer than the file", element(0x00100020, b"LO", b"abc", 4000)),
        ("pixel data longer than the file", element(0x7FE00010, b"OW", bytes(64), 4096)),
        ("sequence longer than the file", element(0x00081140, b"SQ", b"", 4096)),
        ("item longer than its sequence", element(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 99))),
        ("element longer than its item", element(
            0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 12) + element(0x00081155, b"UI", b"1.2\0", 400),
        )),
        ("undefined length without an end", element(0x00081140, b"SQ", b"", 0xFFFFFFFF)),
        ("undefined length item without an end", element(
            0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), 0xFFFFFFFF,
        )),
        ("undefined length of text", element(0x00104000, b"UT", b"abcd", 0xFFFFFFFF)),
        ("length bomb of 4 GB", element(0x00091001, b"OB", b"", 0xFFFFFFFE)),
        ("length bomb of 4 GB text", element(0x00104000, b"UT", b"", 0xFFFFFFFE)),
        ("length bomb in an item", element(
            0x00081140, b"SQ",
            struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFE), 0xFFFFFFFF,
        )),
        ("fragment of 4 GB", element(
            0x7FE00010, b"OB", struct.pack("<HHIHHI", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, 0xFFFFFFFE), 0xFFFFFFFF,
        )),
        ("offset table of 4 GB", element(
            0x7FE00010, b"OB", struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFF0) + bytes(64), 0xFFFFFFFF,
        )),
    )  # fmt: skip

    @pytest.mark.parametrize(("what", "broken"), CASES, ids=[case[0] for case in CASES])
    def test_is_a_failed_instance(self, empty: Empty, what: str, broken: bytes) -> None:
        syntax = b"1.2.840.10008.1.2.4.50" if "fragment" in what or "table" in what else b"1.2.840.10008.1.2.1"
        empty.refuses(empty.post(part10(IDENTITY, broken, syntax=syntax), **PART10))

    def test_every_length_of_a_real_header_overwritten(self, empty: Empty) -> None:
        """A wrong 16-bit length anywhere in the first elements: refused, or read as the warning says, never a 500."""
        whole = sample("MR_small.dcm")
        start = whole.index(b"\x08\x00\x08\x00CS") + 6
        for length in (0xFFFF, 0xFFFE, 0x7FFF):
            broken = whole[:start] + struct.pack("<H", length) + whole[start + 2 :]
            empty.refuses(empty.post(broken, **PART10))


class TestBombs:
    def test_deep_nesting(self, empty: Empty) -> None:
        for depth in (65, 10_000):
            level = element(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), 0xFFFFFFFF)
            end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
            empty.refuses(empty.post(part10(IDENTITY, level * depth, end * depth), **PART10))

    def test_deep_nesting_that_never_ends(self, empty: Empty) -> None:
        level = element(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), 0xFFFFFFFF)
        empty.refuses(empty.post(part10(IDENTITY, level * 100_000), **PART10))

    def test_deflated_data_set_that_swells(self, empty: Empty) -> None:
        """100 MB from 100 kB, of a VR that metadata must hold inline: refused long before it is all there."""
        packer = zlib.compressobj(wbits=-15)
        data = packer.compress(IDENTITY + element(0x0040E010, b"UR", b"", 100_000_000))
        data += b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
        empty.refuses(empty.post(part10(data, syntax=b"1.2.840.10008.1.2.1.99"), **PART10))

    def test_deflated_data_set_that_is_none(self, empty: Empty) -> None:
        empty.refuses(empty.post(part10(b"\xff" * 500, syntax=b"1.2.840.10008.1.2.1.99"), **PART10))

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_content_coding_that_is_cut_short_or_corrupt(self, empty: Empty, coding: str) -> None:
        pack = gzip.compress if coding == "gzip" else zlib.compress
        whole = pack(sample("MR_small.dcm"))
        for body in (whole[:-9], whole[:200], whole[:100] + b"\0" * 60 + whole[160:], b"plain", b""):
            empty.refuses(empty.post(body, **PART10, Content_Encoding=coding), 400)

    def test_gzip_of_zeros_is_no_dicom(self, empty: Empty) -> None:
        empty.refuses(empty.post(gzip.compress(bytes(20_000_000)), **PART10, Content_Encoding="gzip"), 400)

    def test_a_flood_of_elements_is_read_in_time_or_refused(self, empty: Empty) -> None:
        many = b"".join(struct.pack("<HH2sH", 0x0009, number, b"LO", 0) for number in range(0x1000, 0x10FF))
        empty.refuses(empty.post(part10(many * 400), **PART10))


class TestBoundaryTricks:
    FILE = sample("MR_small.dcm")

    @pytest.mark.parametrize(
        "content_type",
        [
            'multipart/related; type="application/dicom"',
            'multipart/related; type="application/dicom"; boundary=',
            'multipart/related; type="application/dicom"; boundary=""',
            f'multipart/related; type="application/dicom"; boundary={"b" * 71}',
            'multipart/related; type="application/dicom"; boundary="b "',
            'multipart/related; type="application/dicom"; boundary="b\xfc"',
            'multipart/related; type="application/dicom"; boundary=other',
            'multipart/related; type="application/dicom"; boundary="b',
        ],
    )
    def test_a_boundary_that_is_none_or_another(self, empty: Empty, content_type: str) -> None:
        body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + self.FILE + b"\r\n--b--\r\n"
        empty.refuses(empty.post(body, Content_Type=content_type), 400)

    @pytest.mark.parametrize(
        "body",
        [
            b"--b",
            b"--b\r\n",
            b"--b\r\nContent-Type: application/dicom",
            b"--b\r\nContent-Type: application/dicom\r\n\r\n",
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + FILE,
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + FILE + b"\r\n--b-",
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + FILE + b"--b--\r\n",
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + FILE + b"\r\n--bb--\r\n",
            b"--bX\r\nContent-Type: application/dicom\r\n\r\n" + FILE + b"\r\n--bX--\r\n",
            FILE,
            b"x" * 200_000 + b"\r\n--b\r\n\r\n" + FILE + b"\r\n--b--\r\n",
            b"--b" + b" " * 5000 + b"\r\n\r\n" + FILE + b"\r\n--b--\r\n",
        ],
        ids=range(12),
    )
    def test_a_payload_that_is_not_closed_or_not_opened(self, empty: Empty, body: bytes) -> None:
        empty.refuses(empty.post(body, **RELATED), 400)
        empty.refuses(empty.post(*chunked(body, 37), **RELATED), 400)

    def test_a_longer_word_that_begins_like_the_boundary_is_content(self, empty: Empty) -> None:
        cut = len(self.FILE) // 2
        file = self.FILE[:cut] + b"\r\n--bx\r\n--b-x\r\n--b x" + self.FILE[cut:]
        body = b"--b\r\n\r\n" + file + b"\r\n--b--\r\n"
        answer = empty.post(body, **RELATED)
        empty.refuses(answer)  # a file with 20 bytes too many in its pixel data, and one part only
        assert len([*_items(answer, "00081198"), *_items(answer, "0008119A")]) == 1

    def test_multipart_within_multipart(self, empty: Empty) -> None:
        body, headers = multipart(self.FILE)
        outer = b"--b\r\nContent-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body + b"\r\n--b--\r\n"
        empty.refuses(empty.post(outer, **RELATED))

    @pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-gzip"])
    def test_transfer_encodings_of_mail(self, empty: Empty, encoding: str) -> None:
        head = b"--b\r\nContent-Type: application/dicom\r\nContent-Transfer-Encoding: " + encoding.encode()
        empty.refuses(empty.post(head + b"\r\n\r\n" + self.FILE + b"\r\n--b--\r\n", **RELATED))


class TestHeaderFloods:
    @pytest.mark.parametrize(
        "head",
        [
            b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)),
            b"X-Long: " + b"a" * 1_000_000 + b"\r\n",
            b"X-Folded: a\r\n" + b" b\r\n" * 100_000,
            b"no colon here\r\n",
            b"X\x00Y: 1\r\n",
            b": no name\r\n",
            b"\xff\xfe: 1\r\n",
            b"Content-Type: application/dicom\r\n" * 1000,
        ],
        ids=["many", "long", "folded", "no colon", "NUL", "no name", "not ASCII", "repeated"],
    )
    def test_of_a_part(self, empty: Empty, head: bytes) -> None:
        body = b"--b\r\n" + head + b"\r\n" + sample("MR_small.dcm") + b"\r\n--b--\r\n"
        empty.refuses(empty.post(*chunked(body, 65_536), **RELATED), 400)


class TestPartCounts:
    def test_more_than_the_limit(self, empty: Empty) -> None:
        body = b"--b\r\nContent-Type: text/plain\r\n\r\n\r\n" * 100_001 + b"--b--\r\n"
        empty.refuses(empty.post(body, **RELATED), 413)

    def test_many_that_are_empty(self, empty: Empty) -> None:
        answer = empty.post(b"--b\r\n\r\n\r\n" * 3_000 + b"--b--\r\n", **RELATED)
        empty.refuses(answer, 400)


class TestBytesThatAreNoDicom:
    CASES = (
        ("one byte", b"\0"),
        ("preamble only", bytes(128)),
        ("prefix only", bytes(128) + b"DICM"),
        ("prefix and noise", bytes(128) + b"DICM" + bytes(range(256)) * 40),
        ("zeros", bytes(100_000)),
        ("ones", b"\xff" * 100_000),
        ("text", b"The quick brown fox jumps over the lazy dog. " * 2000),
        ("PNG", b"\x89PNG\r\n\x1a\n" + bytes(2000)),
        ("PDF", b"%PDF-1.7\n" + b"1 0 obj << >> endobj\n" * 100),
        ("ELF", b"\x7fELF\x02\x01\x01" + bytes(4000)),
        ("ZIP", b"PK\x03\x04" + bytes(500)),
        ("JSON", b'[{"00080018":{"vr":"UI","Value":["1.2.3"]}}]' * 10),
        ("HTML", b"<!doctype html><html></html>" * 50),
        ("meta header only", part10()),
        ("no transfer syntax", bytes(128) + b"DICM" + IDENTITY[:0] + b"\x02\x00\x12\x00UI\x04\x001.2\0"),
        ("text after a meta header", part10(b"and then plain text, " * 100)),
        ("reversed file", sample("MR_small.dcm")[::-1]),
    )

    @pytest.mark.parametrize(("what", "body"), CASES, ids=[case[0] for case in CASES])
    def test_single_part(self, empty: Empty, what: str, body: bytes) -> None:
        empty.refuses(empty.post(body, **PART10))

    def test_all_in_one_request_are_as_many_failures(self, empty: Empty) -> None:
        body, headers = multipart(*(bad for _, bad in self.CASES))
        answer = empty.post(body, **headers)
        empty.refuses(answer)
        assert len([*_items(answer, "00081198"), *_items(answer, "0008119A")]) == len(self.CASES)


BAD_UIDS = [
    "..", "../1.2", "1.2/..", "..%2F1.2", "1.2%2F3", "1.2%2f..%2f..", "%2e%2e", "%2E%2E%2Fetc", "1.2%00", "1.2%0d%0aX",
    "1.2%5C3", "abc", "1..2", ".1", "1.", "1.2%203", "9" * 65, "%zz", "%", "%f", "%ff", "%u0031", "%EF%BC%91", "-1",
    "1.2;x", "1,2", "%D9%A1.2", "*", "1.2%3F", "'", "%22",
]  # fmt: skip


class TestUidsInPaths:
    TEMPLATES = (
        "/studies/{}", "/studies/{}/series", "/studies/{}/metadata", "/studies/1.2/series/{}/metadata",
        "/studies/1.2/series/{}/instances", "/studies/1.2/series/1.3/instances/{}",
        "/studies/1.2/series/1.3/instances/{}/frames/1",
    )  # fmt: skip

    @pytest.mark.parametrize("uid", BAD_UIDS)
    def test_of_a_get(self, empty: Empty, uid: str) -> None:
        for template in self.TEMPLATES:
            answer = send(empty.client, template.format(uid))
            assert answer.status in {400, 404}, (template, answer.body)
            assert answer.json()["detail"]

    @pytest.mark.parametrize("uid", BAD_UIDS)
    def test_of_a_store(self, empty: Empty, uid: str) -> None:
        body, headers = multipart(sample("MR_small.dcm"))
        answer = empty.post(body, target=f"/studies/{uid}", **headers)
        empty.refuses(answer, 400, 404, 405, 409)

    @pytest.mark.parametrize("frames", ["0", "-1", "a", "1,,2", "2,1", "1,1", "9" * 30, "%31%2c", "..", "1-3", ""])
    def test_frame_lists(self, empty: Empty, frames: str) -> None:
        answer = send(empty.client, f"/studies/1.2/series/1.3/instances/1.4/frames/{frames}")
        assert answer.status in {400, 404}

    @pytest.mark.parametrize(
        "path", ["..%2F..%2Fetc%2Fpasswd", "7FE00010.0.0", "x", "%00", "7FE0001G", "7FE00010.-1.7FE00010"]
    )
    def test_bulk_data_paths(self, empty: Empty, path: str) -> None:
        answer = send(empty.client, f"/studies/1.2/series/1.3/instances/1.4/bulkdata/{path}")
        assert answer.status in {400, 404}


class TestUidsInFiles:
    @pytest.mark.parametrize(
        "value",
        [
            b"..", b"../../etc/passwd", b"1.2/3", b"1.2%2F3", b"1..2", b".1.2", b"1.2.", b"", b"abc", b"1.2\x003",
            b"1.2 3", b"1.2\r\n", b"9" * 66, b"1.2\\1.3/..", b"\xd9\xa1.2",
        ],
        ids=repr,
    )  # fmt: skip
    def test_are_failed_instances(self, empty: Empty, value: bytes) -> None:
        tags = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
        padded = value + b"\0" * (len(value) % 2)
        for tag in tags:
            elements = [element(one, b"UI", padded if one == tag else b"1.2.3.4\0") for one in tags]
            empty.refuses(empty.post(part10(*elements), **PART10))


class TestQueries:
    @pytest.mark.parametrize("name", ["PatientID", "foo", "StudyInstanceUID", "includefield", "accept"])
    def test_of_ten_megabytes_are_too_long(self, empty: Empty, name: str) -> None:
        answer = send(empty.client, f"/studies?{name}=" + "1." * 5_000_000)
        assert answer.status == 414
        assert len(answer.body) < 1000

    def test_of_too_many_parameters(self, empty: Empty) -> None:
        answer = send(empty.client, "/studies?" + "&".join(f"a{n}" for n in range(10_000)))
        assert answer.status in {400, 414}

    @pytest.mark.parametrize(
        "query",
        [
            "PatientID=%", "PatientID=%4", "PatientID=%zz", "PatientID=a%", "PatientName=%C3", "PatientName=%ff%fe",
            "%zz=1", "PatientID=%00", "PatientID=a%0Ab", "PatientName=%ED%A0%80", "limit=%zz",
            "includefield=%zz", "accept=%zz",
        ],
    )  # fmt: skip
    def test_invalid_percent_encoding_is_refused(self, empty: Empty, query: str) -> None:
        answer = send(empty.client, f"/studies?{query}")
        assert answer.status == 400, answer.body
        assert answer.json()["detail"]

    @pytest.mark.parametrize("query", [b"PatientName=M\xfcller", b"PatientName=M\xc3\xbcller", b"\xff=1", b"a\x00b=c"])
    def test_raw_bytes_are_refused_or_read(self, empty: Empty, query: bytes) -> None:
        assert send(empty.client, b"/studies?" + query).status in {200, 400}

    @pytest.mark.parametrize("value", ["*a" * 2000, "?*" * 4000, "a*" * 50 + "b", "%25_" * 1000])
    @pytest.mark.timeout(10)
    def test_patterns_cannot_take_forever(self, searchable, value: str) -> None:
        for name in ("PatientName", "PatientID", "Manufacturer"):
            answer = searchable.get(f"/instances?{name}={value}")
            assert answer.status in {200, 400}

    @pytest.mark.parametrize(
        "query", ["'", "PatientID='%20OR%201=1--", "PatientID=%27%3BDROP%20TABLE%20studies", "a=b=c=d"]
    )
    def test_sql_in_values_is_text(self, searchable, query: str) -> None:
        answer = searchable.get(f"/studies?{query}")
        assert answer.status == 200
        assert (answer.json() == []) is query.startswith("PatientID")


class TestRequestHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            {"accept": "x" * 100_000},
            {"accept": ",".join(["application/dicom+json;q=0.1"] * 5000)},
            {"accept": ";;;;,,,,"},
            {"accept": 'multipart/related; type="'},
            {"accept": "\xff\xfe"},
            {"host": ""},
            {"host": 'evil"><script>'},
            {"range": "bytes=99999999999999999999-"},
            {"content-length": "-5"},
            {"forwarded": "for=" + "1" * 50_000},
        ],
        ids=range(10),
    )
    def test_strange_ones_never_break_the_server(self, empty: Empty, headers: dict[str, str]) -> None:
        assert send(empty.client, "/studies", headers=headers).status in {200, 400, 406, 431}
        assert b"<script>" not in send(empty.client, "/studies", headers=headers).body

    def test_an_announced_length_that_is_not_sent(self, empty: Empty) -> None:
        file = sample("MR_small.dcm")
        empty.refuses(empty.post(file[:5000], Content_Length=str(len(file)), **PART10))


def test_a_failed_instance_leaves_the_good_ones_alone(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    client = make_client(data=tmp_path / "mixed")
    good = series(2, "MR_small.dcm")
    bad = [good[0][:3000], b"text", part10(IDENTITY, element(0x7FE00010, b"OW", b"", 0xFFFFFFFE))]
    body, headers = multipart(bad[0], good[0], bad[1], good[1], bad[2])
    answer = send(client, "/studies", method="POST", headers=headers, chunks=[body])
    assert answer.status == 202
    assert len([*_items(answer, "00081198"), *_items(answer, "0008119A")]) == 3
    assert stored_uids(client) == {uids(file)[2] for file in good}
    assert len(kept_blobs(client)) == 2


def _items(answer: Answer, tag: str) -> list[dict]:
    return answer.json().get(tag, {}).get("Value", [])
