"""PS3.18 10.5 Store transaction: request forms, statuses of Table 10.5.3-1, media types, limits, duplicates."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.conformance.search_archive import made
from tests.conformance.wire import chunked, kept_blobs, send, stored_uids
from tests.samples import instance_path, multipart, sample, series, uids, variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient
    from tests.conformance.wire import Answer

PART10 = {"Content-Type": "application/dicom"}
AS_STORED = {"accept": 'application/dicom; transfer-syntax="*"'}
REFERENCED, FAILED, OTHER = "00081199", "00081198", "0008119A"


def post(client: TestClient, body: bytes, headers: dict[str, str], target: str = "/studies") -> Answer:
    announced = {"content-length": str(len(body))}
    return send(client, target, method="POST", headers=announced | headers, chunks=[body] if body else [])


def store(client: TestClient, *files: bytes, target: str = "/studies", **headers: str) -> Answer:
    body, content_type = multipart(*files)
    return post(client, body, content_type | headers, target)


def reasons(answer: Answer, sequence: str = FAILED) -> list[int]:
    return [item["00081197"]["Value"][0] for item in answer.json().get(sequence, {}).get("Value", [])]


def stored_bytes(client: TestClient, file: bytes) -> bytes:
    answer = send(client, instance_path(file), headers=AS_STORED)
    assert answer.status == 200, answer.body
    return answer.body


class TestRequestForms:
    """9.1: multipart and single part, one study or several, whatever the framing of the payload."""

    def test_multipart_with_one_part_for_each_file(self, client: TestClient) -> None:
        files = [sample("CT_small.dcm"), sample("MR_small.dcm"), sample("JPEG2000.dcm")]
        answer = store(client, *files)
        assert answer.status == 200
        assert stored_uids(client) == {uids(file)[2] for file in files}
        assert [stored_bytes(client, file) for file in files] == files

    def test_single_part_application_dicom(self, client: TestClient) -> None:
        file = sample("CT_small.dcm")
        answer = post(client, file, PART10)
        assert answer.status == 200
        assert stored_bytes(client, file) == file

    @pytest.mark.parametrize("form", ["single part", "multipart"])
    def test_to_a_study(self, client: TestClient, form: str) -> None:
        file = sample("CT_small.dcm")
        target = f"/studies/{uids(file)[0]}"
        answer = post(client, file, PART10, target) if form == "single part" else store(client, file, target=target)
        assert answer.status == 200
        assert stored_uids(client) == {uids(file)[2]}

    @pytest.mark.parametrize("size", [1, 7, 1000, 65_536])
    def test_chunks_of_any_size(self, client: TestClient, size: int) -> None:
        file = sample("rtplan.dcm")
        body, headers = multipart(file, sample("reportsi.dcm"))
        answer = send(client, "/studies", method="POST", headers=headers, chunks=chunked(body, size))
        assert answer.status == 200
        assert stored_uids(client) == {uids(file)[2], uids(sample("reportsi.dcm"))[2]}

    @pytest.mark.parametrize(
        ("coding", "encode"),
        [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
    )
    @pytest.mark.parametrize("form", ["single part", "multipart"])
    def test_content_encoding(self, client: TestClient, coding: str, encode: Callable, form: str) -> None:
        file = sample("CT_small.dcm")
        body, headers = multipart(file) if form == "multipart" else (file, PART10)
        answer = post(client, encode(body), headers | {"Content-Encoding": coding})
        assert answer.status == 200
        assert stored_bytes(client, file) == file

    @pytest.mark.parametrize(
        "content_type",
        [
            'multipart/related; type="application/dicom"; boundary={}',
            'multipart/related; type=application/dicom; boundary="{}"',
            'Multipart/Related; boundary="{}"; type="application/dicom"',
            'multipart/related;boundary={};type="application/dicom";start="<1>"',
            'multipart/related; type="Application/DICOM"; boundary={}',
            "multipart/related; boundary={}",
        ],
    )
    def test_content_type_in_every_notation(self, client: TestClient, content_type: str) -> None:
        file = sample("rtplan.dcm")
        body = b"--b1\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n--b1--\r\n"
        assert post(client, body, {"Content-Type": content_type.format("b1")}).status == 200

    def test_boundary_with_blanks(self, client: TestClient) -> None:
        body, headers = multipart(sample("rtplan.dcm"))
        assert " " in headers["Content-Type"].partition("boundary=")[2]
        assert post(client, body, headers).status == 200

    @pytest.mark.parametrize(
        "template",
        [
            b"--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b--",
            b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b--\r\n",
            b"to whom it may concern\r\n--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b--\r\nepilogue",
            b"--b\nContent-Type: application/dicom\n\n%s\n--b--\n",
            b"--b\r\n\r\n%s\r\n--b--\r\n",
            b"--b \t\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b-- \r\n",
            b"--b\r\nContent-Type: application/dicom;\r\n transfer-syntax=1.2\r\n\r\n%s\r\n--b--\r\n",
            b"--b\r\nContent-Type: application/dicom\r\nContent-Location: x\r\nContent-ID: <1>\r\n\r\n%s\r\n--b--\r\n",
            b"--b\r\nContent-Type: application/dicom\r\nContent-Length: 7\r\n\r\n%s\r\n--b--\r\n",
            b"--b\r\nCONTENT-TYPE:application/dicom\r\nMIME-Version: 1.0\r\n\r\n%s\r\n--b--\r\n",
            b"--b\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n--b--\r\n",
            b"--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b\r\n",  # the standard's own examples
        ],
    )
    def test_tolerated_multipart_notations(self, client: TestClient, template: bytes) -> None:
        """Section 7 of the fact sheet: preamble, epilogue, bare LF, missing headers, folded lines."""
        file = sample("MR_small.dcm")
        answer = post(client, template % file, {"Content-Type": "multipart/related; boundary=b"})
        assert answer.status == 200
        assert stored_bytes(client, file) == file

    def test_adding_to_a_study_that_exists(self, client: TestClient) -> None:
        one, two = series(2)
        assert [store(client, one).status, store(client, two).status] == [200, 200]
        (row,) = send(client, "/studies").json()
        assert row["00201208"]["Value"] == [2]

    def test_query_parameters_are_ignored(self, client: TestClient) -> None:
        body, headers = multipart(sample("rtplan.dcm"))
        assert post(client, body, headers, "/studies?foo=bar").status == 200

    @pytest.mark.parametrize(
        "name",
        [
            "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "JPEG-LL.dcm",
            "SC_rgb_rle_2frame.dcm", "emri_small_jpeg_2k_lossless.dcm", "JPEG2000.dcm", "waveform_ecg.dcm",
            "rtdose.dcm", "test-SR.dcm", "ExplVR_BigEnd.dcm",
        ],
    )  # fmt: skip
    def test_every_transfer_syntax_is_kept_as_it_came(
        self, make_client: Callable[..., TestClient], tmp_path: Path, name: str
    ) -> None:
        client = make_client(data=tmp_path / "kept")
        assert store(client, sample(name)).status == 200
        assert kept_blobs(client) == [sample(name)]


class TestTable10_5_3_1StatusCodes:  # noqa: N801 - named after the table
    def test_200_when_all_are_stored(self, client: TestClient) -> None:
        assert store(client, *series(3)).status == 200

    def test_202_when_some_failed(self, client: TestClient) -> None:
        good = series(2)
        answer = store(client, good[0], b"no DICOM at all" * 50, good[1])
        assert answer.status == 202
        assert len(answer.json()[REFERENCED]["Value"]) == 2
        assert reasons(answer, OTHER) == [0xC000]
        assert stored_uids(client) == {uids(file)[2] for file in good}

    def test_202_when_one_was_stored_with_a_warning(self, client: TestClient) -> None:
        file, other = series(1)[0], series(1)[0]
        assert store(client, file).status == 200
        changed = variant("CT_small.dcm", **_uid_changes(file), PatientID="X")
        answer = store(client, changed, other)
        assert answer.status == 202
        warned = [item for item in answer.json()[REFERENCED]["Value"] if "00081196" in item]
        assert [item["00081155"]["Value"][0] for item in warned] == [uids(file)[2]]

    def test_identity_is_that_of_the_data_set_when_file_meta_names_another_object(self, client: TestClient) -> None:
        file = sample("rtdose.dcm")
        assert uids(file)[2].encode() not in file[:400]
        answer = store(client, file)
        assert answer.status == 200
        (item,) = answer.json()[REFERENCED]["Value"]
        assert item["00081155"]["Value"] == [uids(file)[2]]
        assert kept_blobs(client) == [file]

    def test_400_without_any_part(self, client: TestClient) -> None:
        headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}
        for body in (b"", b"--b--\r\n", b"\r\n--b--", b"preamble\r\n--b--\r\n", b"--b\r\n--b--\r\n"):
            answer = post(client, body, headers)
            assert answer.status == 400, body
            assert answer.json()["detail"]

    def test_400_for_an_empty_single_part(self, client: TestClient) -> None:
        assert post(client, b"", PART10).status == 400

    def test_400_when_nothing_is_readable(self, client: TestClient) -> None:
        answer = store(client, b"text " * 100, b"\x89PNG\r\n\x1a\n" + bytes(300))
        assert answer.status == 400
        assert stored_uids(client) == set()

    def test_409_when_all_are_of_another_study(self, client: TestClient) -> None:
        """Test list 29: all wrong study, Failed SOP Sequence names each; the reason is A901H."""
        files = series(2)
        answer = store(client, *files, target="/studies/1.2.3")
        assert answer.status == 409
        assert reasons(answer) == [0xA901, 0xA901]
        named = [item["00081155"]["Value"][0] for item in answer.json()[FAILED]["Value"]]
        assert named == [uids(file)[2] for file in files]
        assert stored_uids(client) == set()

    def test_202_when_some_are_of_another_study(self, client: TestClient) -> None:
        mine, other = series(1)[0], series(1)[0]
        answer = store(client, mine, other, target=f"/studies/{uids(mine)[0]}")
        assert answer.status == 202
        assert reasons(answer) == [0xA901]
        assert stored_uids(client) == {uids(mine)[2]}

    @pytest.mark.parametrize(
        ("what", "changes", "reason"),
        [
            ("no study", {"StudyInstanceUID": ""}, 0xA900),
            ("no series", {"SeriesInstanceUID": ""}, 0xA900),
            ("study is no UID", {"StudyInstanceUID": "study1"}, 0xA900),
            ("study climbs", {"StudyInstanceUID": "../../etc/passwd"}, 0xA900),
            ("series has a slash", {"SeriesInstanceUID": "1.2/3"}, 0xA900),
            ("hanging protocol", {"SOPClassUID": "1.2.840.10008.5.1.4.38.1"}, 0x0122),
            ("color palette", {"SOPClassUID": "1.2.840.10008.5.1.4.39.1"}, 0x0122),
        ],
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_409_with_one_reason(self, client: TestClient, what: str, changes: dict[str, str], reason: int) -> None:
        file = variant("CT_small.dcm", **changes)
        answer = store(client, file)
        assert (answer.status, reasons(answer)) == (409, [reason]), what
        assert stored_uids(client) == set()

    def test_409_for_a_mixture_of_reasons(self, client: TestClient) -> None:
        other_study, no_series = series(1)[0], series(1, SeriesInstanceUID="")[0]
        answer = store(client, other_study, no_series, target="/studies/1.2.3")
        assert answer.status == 409
        assert len(reasons(answer)) == 2

    def test_dicomdir_is_no_instance(self, client: TestClient) -> None:
        answer = store(client, sample("DICOMDIR"))
        assert answer.status in {400, 409}
        assert stored_uids(client) == set()

    def test_c122_for_an_unknown_transfer_syntax(self, client: TestClient) -> None:
        """Not 0124H, the common error that Annex I itself points out."""
        file = _with_transfer_syntax(sample("CT_small.dcm"), "1.2.3.4.5.6")
        answer = store(client, file)
        assert (answer.status, reasons(answer)) == (409, [0xC122])

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_405_with_allow_on_studies(self, client: TestClient, method: str) -> None:
        answer = send(client, "/studies", method=method, headers=PART10)
        assert answer.status == 405
        assert "POST" in (answer.header("allow") or "")

    @pytest.mark.parametrize("target", ["/series", "/instances", "/studies/1.2/series", "/studies/1.2/series/1.3"])
    def test_405_where_nothing_is_stored(self, client: TestClient, target: str) -> None:
        answer = post(client, sample("rtplan.dcm"), PART10, target)
        assert answer.status == 405
        assert "POST" not in (answer.header("allow") or "POST")


class TestTable10_5_4_1MediaTypes:  # noqa: N801 - named after the table
    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain", "application/octet-stream", "image/jpeg", "application/json",
            "multipart/form-data; boundary=b", "multipart/mixed; boundary=b",
            'multipart/related; type="image/jpeg"; boundary=b', None,
            "application/pdf",
            'multipart/related; type="text/plain"; boundary=b',
        ],
    )  # fmt: skip
    def test_415_lists_what_is_understood(self, client: TestClient, content_type: str | None) -> None:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = post(client, sample("rtplan.dcm"), headers)
        assert answer.status == 415
        assert 'multipart/related; type="application/dicom"' in answer.json()["accepted"]
        assert stored_uids(client) == set()

    @pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "aes128gcm"])
    def test_415_for_a_content_encoding(self, client: TestClient, coding: str) -> None:
        answer = post(client, sample("rtplan.dcm"), PART10 | {"Content-Encoding": coding})
        assert answer.status == 415
        assert "gzip" in answer.json()["accepted"]

    @pytest.mark.parametrize("content_type", ["", "nonsense", "application", "multipart/related; boundary"])
    def test_400_or_415_for_what_is_no_media_type(self, client: TestClient, content_type: str) -> None:
        assert post(client, sample("rtplan.dcm"), {"Content-Type": content_type}).status in {400, 415}

    def test_a_part_of_another_type_fails_alone(self, client: TestClient) -> None:
        file = sample("rtplan.dcm")
        body = (
            b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n--b--\r\n"
        )
        answer = post(client, body, {"Content-Type": "multipart/related; boundary=b"})
        assert (answer.status, reasons(answer, OTHER)) == (202, [0xC000])
        assert stored_uids(client) == {uids(file)[2]}

    @pytest.mark.parametrize("accept", ["image/png", "text/html", "application/dicom"])
    def test_an_unknown_accept_gets_the_default_receipt(self, client: TestClient, accept: str) -> None:
        """8.5 allows it, and refusing an image because of the form of its receipt would serve nobody."""
        answer = store(client, sample("rtplan.dcm"), Accept=accept)
        assert (answer.status, answer.header("content-type")) == (200, "application/dicom+json")

    def test_406_before_anything_is_stored_when_strict(self, make_client: Callable[..., TestClient]) -> None:
        client = make_client(strict_accept=True)
        answer = store(client, sample("rtplan.dcm"), Accept="image/png")
        assert answer.status == 406
        assert "application/dicom+json" in answer.json()["accepted"]
        assert stored_uids(client) == set()


class TestLimits:
    """8.5: 413 for the whole request, A700H for one file of it."""

    @pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
    def test_request_bytes(self, make_client: Callable[..., TestClient], announced: bool) -> None:
        client = make_client(limits={"request_bytes": 50_000})
        body, headers = multipart(*series(2))
        length = {"content-length": str(len(body))} if announced else {}
        answer = send(client, "/studies", method="POST", headers=headers | length, chunks=chunked(body, 9_999))
        assert answer.status == 413
        assert stored_uids(client) == set()
        assert store(client, sample("CT_small.dcm")).status == 200

    def test_request_bytes_counts_what_gzip_hides(self, make_client: Callable[..., TestClient]) -> None:
        """A length bomb: a few kilobytes on the wire that inflate beyond the limit."""
        client = make_client(limits={"request_bytes": 1_000_000})
        body = gzip.compress(sample("CT_small.dcm") + bytes(50_000_000))
        assert len(body) < 100_000
        answer = post(client, body, PART10 | {"Content-Encoding": "gzip"})
        assert answer.status == 413
        assert stored_uids(client) == set()

    def test_part_bytes_fails_one_instance(self, make_client: Callable[..., TestClient]) -> None:
        client = make_client(limits={"part_bytes": 20_000})
        small, large = sample("MR_small.dcm"), sample("CT_small.dcm")
        answer = store(client, large, small)
        assert (answer.status, reasons(answer)) == (202, [0xA700])
        assert stored_uids(client) == {uids(small)[2]}

    def test_parts(self, make_client: Callable[..., TestClient]) -> None:
        client = make_client(limits={"parts": 3})
        assert store(client, *series(4)).status == 413
        assert stored_uids(client) == set()
        assert store(client, *series(3)).status == 200


class TestDuplicates:
    """9.3: identical bytes are a success without a second copy; different bytes follow the setting."""

    @pytest.mark.parametrize("policy", ["keep", "replace", "reject"])
    def test_identical_bytes_are_a_success(self, make_client, tmp_path: Path, policy: str) -> None:
        client = make_client(duplicates=policy, data=tmp_path / "a")
        file = sample("CT_small.dcm")
        for _ in range(2):
            answer = store(client, file)
            assert answer.status == 200
            assert FAILED not in answer.json()
        assert len(kept_blobs(client)) == 1

    @pytest.mark.parametrize("policy", ["keep", "replace", "reject"])
    def test_identical_bytes_within_one_request(self, make_client, tmp_path: Path, policy: str) -> None:
        client = make_client(duplicates=policy, data=tmp_path / "a")
        file = sample("CT_small.dcm")
        answer = store(client, file, file, file)
        assert answer.status == 200
        assert len(answer.json()[REFERENCED]["Value"]) == 3
        assert len(kept_blobs(client)) == 1

    @pytest.mark.parametrize(
        ("policy", "status", "winner"), [("keep", 202, "first"), ("replace", 200, "second"), ("reject", 409, "first")]
    )
    @pytest.mark.parametrize("together", [False, True], ids=["two requests", "one request"])
    def test_different_bytes(
        self, make_client, tmp_path: Path, policy: str, status: int, winner: str, together: bool
    ) -> None:
        client = make_client(duplicates=policy, data=tmp_path / "a")
        first = series(1)[0]
        second = variant("CT_small.dcm", **_uid_changes(first), PatientID="SECOND")
        if together:
            answer = store(client, first, second)
            assert answer.status == (200 if policy == "replace" else 202)
        else:
            store(client, first)
            answer = store(client, second)
            assert answer.status == status
        assert stored_bytes(client, first) == (first if winner == "first" else second)
        assert len(kept_blobs(client)) == 1
        (row,) = send(client, "/instances").json()
        assert (row["00100020"]["Value"] == ["SECOND"]) is (winner == "second")
        if policy == "reject":
            assert reasons(answer) == [0x0111]
        if policy == "keep":
            assert answer.json()[REFERENCED]["Value"][-1]["00081196"]["Value"] == [0xB006]

    @pytest.mark.parametrize(
        ("policy", "status", "stays"), [("keep", 202, True), ("replace", 200, False), ("reject", 409, True)]
    )
    def test_the_same_instance_in_another_study(
        self, make_client, tmp_path: Path, policy: str, status: int, stays: bool
    ) -> None:
        """A SOP Instance UID is one instance wherever it is: it moves or stays, and never is in two studies."""
        client = make_client(duplicates=policy, data=tmp_path / "a")
        one, two = series(2)
        elsewhere = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}
        moved = variant("CT_small.dcm", **_uid_changes(one) | elsewhere)
        assert store(client, one, two).status == 200
        answer = store(client, moved)
        assert answer.status == status
        assert stored_uids(client) == {uids(one)[2], uids(two)[2]}
        assert stored_bytes(client, one if stays else moved) == (one if stays else moved)
        assert send(client, instance_path(moved if stays else one)).status == 404
        counts = {row["0020000D"]["Value"][0]: row["00201208"]["Value"][0] for row in send(client, "/studies").json()}
        assert counts == ({uids(one)[0]: 2} if stays else {uids(one)[0]: 1, "1.2.3": 1})
        assert len(kept_blobs(client)) == 2
        for item in answer.json().get(REFERENCED, {}).get("Value", []):
            url = item["00081190"]["Value"][0].partition("/dicom-web")[2]
            assert send(client, url).status == 200, "a Retrieve URL must work"

    def test_the_last_instance_of_a_study_moves_away(self, make_client, tmp_path: Path) -> None:
        client = make_client(duplicates="replace", data=tmp_path / "a")
        one = series(1)[0]
        elsewhere = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}
        moved = variant("CT_small.dcm", **_uid_changes(one) | elsewhere)
        store(client, one)
        assert store(client, moved).status == 200
        assert [row["0020000D"]["Value"] for row in send(client, "/studies").json()] == [["1.2.3"]]
        assert [row["0020000E"]["Value"] for row in send(client, "/series").json()] == [["1.2.4"]]

    def test_same_uid_in_another_encoding_is_different(self, client: TestClient) -> None:
        """WG04 variants of one image share one SOP Instance UID (clients.md 2)."""
        assert store(client, sample("MR_small.dcm")).status == 200
        answer = store(client, sample("MR_small_bigendian.dcm"))
        assert answer.status == 202
        assert stored_bytes(client, sample("MR_small.dcm")) == sample("MR_small.dcm")


class TestRealFiles:
    """Oddities of real files that must not stand in the way (clients.md 2)."""

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("ExplVR_BigEndNoMeta.dcm", 202),  # no preamble, no File Meta Information: a warning says so
            ("ExplVR_LitEndNoMeta.dcm", 202),
            ("image_dfl.dcm", 200),
            ("color-pl.dcm", 200),
            ("examples_overlay.dcm", 200),
            ("eCT_Supplemental.dcm", 200),
            ("examples_palette.dcm", 200),
            ("JPEG-lossy.dcm", 200),
            ("rtdose_rle.dcm", 200),
            ("SC_rgb_jls_lossy_line.dcm", 409),  # no Study Instance UID
            ("no_meta.dcm", 400),  # a stray byte before the first element
        ],
    )
    def test_is_stored_or_refused_with_a_reason(self, client: TestClient, name: str, status: int) -> None:
        answer = store(client, sample(name))
        assert answer.status == status, answer.body
        assert len(stored_uids(client)) == (status < 300)

    def test_a_meta_header_that_names_another_instance(self, client: TestClient) -> None:
        file = bytearray(sample("CT_small.dcm"))
        place = file.index(b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322")
        file[place : place + 7] = b"1.3.6.9"
        answer = store(client, bytes(file))
        assert answer.status in {200, 202}
        assert stored_uids(client) == {uids(sample("CT_small.dcm"))[2]}

    def test_concurrent_series_of_disagreeing_modalities(self, client: TestClient) -> None:
        study = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}
        assert store(client, made("CT_small.dcm", **study), made("MR_small.dcm", **study)).status == 200
        (row,) = send(client, "/series").json()
        assert row["00201209"]["Value"] == [2]


class TestErrorBodies:
    """8.6.3: every refusal says what was wrong, what would be accepted and which section says so."""

    @pytest.mark.parametrize(
        ("headers", "body", "status"),
        [
            ({"Content-Type": "text/plain"}, b"x", 415),
            ({"Content-Type": "multipart/related; boundary=b"}, b"x", 400),
            ({"Content-Type": "multipart/related"}, b"x", 400),
            ({"Content-Type": "application/dicom", "Content-Encoding": "gzip"}, b"not gzip", 400),
        ],
    )
    def test_are_problem_details(self, client: TestClient, headers: dict[str, str], body: bytes, status: int) -> None:
        answer = post(client, body, headers)
        assert answer.status == status
        assert answer.header("content-type") == "application/problem+json"
        assert {"title", "detail", "status", "section"} <= set(answer.json())

    def test_hold_no_patient_data(self, client: TestClient) -> None:
        file = made("CT_small.dcm", StudyInstanceUID="", PatientName="Geheim^Otto", PatientID="G-1")
        answer = store(client, file, file[:9000])
        assert b"Geheim" not in answer.body
        assert b"G-1" not in answer.body
        assert json.loads(answer.body)


def _uid_changes(file: bytes) -> dict[str, str]:
    study, one, instance = uids(file)
    return {"StudyInstanceUID": study, "SeriesInstanceUID": one, "SOPInstanceUID": instance}


def _with_transfer_syntax(file: bytes, uid: str) -> bytes:
    old = b"1.2.840.10008.1.2.1\0"
    assert file.count(old) == 1
    return file.replace(old, uid.encode().ljust(len(old), b"\0"))
