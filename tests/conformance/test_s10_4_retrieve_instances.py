"""PS3.18 10.4.1.1.1: Retrieve Study, Series, Instance, as stored and as Explicit VR Little Endian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid
from tests import samples
from tests.payloads import (
    AS_STORED,
    DEFLATED,
    EXPLICIT,
    JPX,
    dataset_of,
    media_type,
    parts_of,
    storable,
    undecodable,
)

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.conformance.shelf import Shelf

BASE = "/dicom-web"
ORIGIN = "http://testserver:8104"
ANY_DICOM = 'multipart/related; type="application/dicom"'
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def store(client: TestClient, *files: bytes) -> None:
    body, headers = samples.multipart(*files)
    assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code in {200, 202}


# Levels ------------------------------------------------------------------------------------------------------


def test_study_series_and_instance_are_multipart_of_every_instance(client: TestClient) -> None:
    first = samples.series(3)
    study, series, instance = samples.uids(first[0])
    second = samples.series(2, "MR_small.dcm", StudyInstanceUID=study)
    other = samples.series(1)
    store(client, *first, *second, *other)
    for path, expected in [
        (f"/studies/{study}", [*first, *second]),
        (f"/studies/{study}/series/{series}", first),
        (f"/studies/{study}/series/{series}/instances/{instance}", first[:1]),
    ]:
        for accept in (AS_STORED, ANY_DICOM, "*/*"):
            response = client.get(BASE + path, headers={"Accept": accept})
            assert response.status_code == 200
            parts = parts_of(response)
            locations = {part.location: part.body for part in parts}
            assert len(locations) == len(parts)
            assert locations == {ORIGIN + BASE + samples.instance_path(file): file for file in expected}


def test_instances_of_a_series_come_in_the_order_of_their_numbers(client: TestClient) -> None:
    files = samples.series(12)
    store(client, *files[::-1])
    study, series, _ = samples.uids(files[0])
    parts = parts_of(client.get(f"{BASE}/studies/{study}/series/{series}"))
    assert [part.body for part in parts] == files


def test_one_instance_as_a_single_part(shelf: Shelf) -> None:
    """Table 10.4.4-1: `application/dicom` is for one instance."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get("", "application/dicom")
    assert response.status_code == 200
    assert media_type(response.headers["content-type"]) == ("application/dicom", {"transfer-syntax": EXPLICIT})
    assert response.headers["content-location"] == stored.url
    assert int(response.headers["content-length"]) == len(stored.file)
    assert response.content == stored.file


def test_single_part_of_study_or_series_is_not_acceptable_even_for_one_instance(shelf: Shelf) -> None:
    """Note 3 under Table 10.4.4-1."""
    stored = shelf.store(samples.variant("CT_small.dcm", StudyInstanceUID=generate_uid()))
    for path in (stored.study, stored.series):
        response = shelf.client.get(path, headers={"Accept": "application/dicom"})
        assert response.status_code == 406
        assert any(accepted.startswith("multipart/related") for accepted in response.json()["accepted"])


# Transfer syntaxes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer_syntax", ["", f"; transfer-syntax={EXPLICIT}", "; transfer-syntax=*"])
@pytest.mark.parametrize(
    "name",
    ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm", "emri_small_big_endian.dcm", "rtplan.dcm"],
)
def test_implicit_and_big_endian_never_leave_the_server(shelf: Shelf, name: str, transfer_syntax: str) -> None:
    """8.7.3.1: they "shall not be used", not even under `*`."""
    stored = shelf.store(storable(name))
    (part,) = parts_of(stored.get("", ANY_DICOM + transfer_syntax))
    assert part.content_type[1]["transfer-syntax"] == EXPLICIT
    sent = dataset_of(part.body)
    assert sent.file_meta.TransferSyntaxUID == EXPLICIT
    assert (sent.is_little_endian, sent.is_implicit_VR) == (True, False)
    if "PixelData" in sent:
        assert (sent.pixel_array == stored.dataset.pixel_array).all()


@pytest.mark.parametrize("unusable", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_asking_for_implicit_or_big_endian_is_not_acceptable(shelf: Shelf, unusable: str) -> None:
    stored = shelf.store(samples.sample("MR_small_implicit.dcm"))
    response = stored.get("", f"{ANY_DICOM}; transfer-syntax={unusable}")
    assert response.status_code == 406
    assert "shall not be used" in response.json()["detail"]


def test_deflated_goes_out_as_it_is_or_inflated(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("image_dfl.dcm"))
    for wanted in ("*", DEFLATED):
        (part,) = parts_of(stored.get("", f"{ANY_DICOM}; transfer-syntax={wanted}"))
        assert (part.content_type[1]["transfer-syntax"], part.body) == (DEFLATED, stored.file)
    (part,) = parts_of(stored.get("", ANY_DICOM))
    sent = dataset_of(part.body)
    assert sent.file_meta.TransferSyntaxUID == part.content_type[1]["transfer-syntax"] == EXPLICIT
    assert (sent.pixel_array == stored.dataset.pixel_array).all()


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("MR_small_jp2klossless.dcm", J2K_LOSSLESS),
        ("MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80"),
        ("MR_small_RLE.dcm", "1.2.840.10008.1.2.5"),
        ("SC_rgb_jpeg_gdcm.dcm", "1.2.840.10008.1.2.4.70"),
    ],
)
@pytest.mark.parametrize("transfer_syntax", ["", f"; transfer-syntax={EXPLICIT}"])
def test_lossless_compressed_is_decompressed(shelf: Shelf, name: str, syntax: str, transfer_syntax: str) -> None:
    """8.7.8.2: the default is Explicit VR LE; all pixels are those of the stored file."""
    stored = shelf.store(storable(name))
    assert stored.transfer_syntax == syntax
    (part,) = parts_of(stored.get("", ANY_DICOM + transfer_syntax))
    assert part.content_type[1]["transfer-syntax"] == EXPLICIT
    sent = dataset_of(part.body)
    assert sent.file_meta.TransferSyntaxUID == EXPLICIT
    assert (sent.pixel_array == stored.dataset.pixel_array).all()


@pytest.mark.parametrize("transfer_syntax", ["", f"; transfer-syntax={EXPLICIT}"])
def test_what_cannot_be_decoded_says_what_can_be_had(shelf: Shelf, transfer_syntax: str) -> None:
    stored = shelf.store(undecodable(generate_uid()))
    response = stored.get("", ANY_DICOM + transfer_syntax)
    assert response.status_code == 406
    problem = response.json()
    assert "cannot be decoded" in problem["detail"]
    assert JPX in problem["detail"]
    for accepted in problem["accepted"]:
        (part,) = parts_of(stored.get("", accepted))
        assert part.body == stored.file


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", JPEG_BASELINE),
        ("JPGExtended.dcm", "1.2.840.10008.1.2.4.51"),
        ("JPEGLSNearLossless_08.dcm", "1.2.840.10008.1.2.4.81"),
    ],
)
def test_what_exists_only_lossy_is_sent_lossy(shelf: Shelf, name: str, syntax: str) -> None:
    """8.7.8.2, first exception; a strict request for Explicit VR LE is taken at its word."""
    stored = shelf.store(storable(name))
    (part,) = parts_of(stored.get("", ANY_DICOM))
    assert part.content_type[1]["transfer-syntax"] == syntax
    assert part.body == stored.file
    (strict,) = parts_of(stored.get("", f"{ANY_DICOM}; transfer-syntax={EXPLICIT}"))
    sent = dataset_of(strict.body)
    assert sent.file_meta.TransferSyntaxUID == EXPLICIT
    assert sent.LossyImageCompression == "01"


def test_the_stored_syntax_by_name_and_by_preference(shelf: Shelf) -> None:
    """Alternatives are separate media ranges with q (8.7.8.2)."""
    stored = shelf.store(storable("MR_small_jp2klossless.dcm"))
    by_name = f"{ANY_DICOM}; transfer-syntax={J2K_LOSSLESS}"
    second = f"{ANY_DICOM}; transfer-syntax=1.2.840.10008.1.2.4.57; q=0.5"
    for accept in (by_name, f"{by_name}, {second}", f"{second}, {by_name}; q=0.5"):
        (part,) = parts_of(stored.get("", accept))
        assert part.content_type[1]["transfer-syntax"] == J2K_LOSSLESS
        assert part.body == stored.file
    for accept in (second, f"{second}, {by_name}; q=0.1"):
        (part,) = parts_of(stored.get("", accept))
        assert part.content_type[1]["transfer-syntax"] == "1.2.840.10008.1.2.4.57"


def test_mixed_study_is_partial_content_with_a_warning(client: TestClient) -> None:
    """10.4.3.1: 206 when some but not all instances can be had in an acceptable form."""
    plain = samples.variant("CT_small.dcm", StudyInstanceUID="1.2.3.4")
    compressed = undecodable("1.2.3.4")
    store(client, plain, compressed)
    response = client.get(f"{BASE}/studies/1.2.3.4", headers={"Accept": ANY_DICOM})
    assert response.status_code == 206
    assert [part.body for part in parts_of(response)] == [plain]
    warning = response.headers["warning"]
    assert warning.startswith(f"299 {ORIGIN}{BASE}")
    assert "1 of 2 instances" in warning
    everything = client.get(f"{BASE}/studies/1.2.3.4", headers={"Accept": AS_STORED})
    assert everything.status_code == 200
    assert "warning" not in everything.headers
    assert {part.body for part in parts_of(everything)} == {plain, compressed}


def test_mixed_study_takes_each_instance_in_its_best_form(client: TestClient) -> None:
    plain = samples.variant("MR_small_implicit.dcm", StudyInstanceUID="1.2.3.4", SOPInstanceUID="1.2.3.5")
    compressed = samples.variant("MR_small_jp2klossless.dcm", StudyInstanceUID="1.2.3.4", SOPInstanceUID="1.2.3.6")
    store(client, plain, compressed)
    accept = f"{ANY_DICOM}; transfer-syntax={J2K_LOSSLESS}; q=0.5, {ANY_DICOM}; q=0.5"
    response = client.get(f"{BASE}/studies/1.2.3.4", headers={"Accept": accept})
    assert response.status_code == 200
    syntaxes = {part.location[-7:]: part.content_type[1]["transfer-syntax"] for part in parts_of(response)}
    assert syntaxes == {"1.2.3.5": J2K_LOSSLESS, "1.2.3.6": J2K_LOSSLESS}


# The bulk data form (historical) -------------------------------------------------------------------------------


def test_octet_stream_of_an_instance_means_its_bulk_data(shelf: Shelf) -> None:
    """Table 10.4.4-1: `application/octet-stream` on an instance resource returns the /bulkdata resource."""
    stored = shelf.store(storable("examples_overlay.dcm"))
    for path in (stored.path, stored.series, stored.study):
        response = shelf.client.get(path, headers={"Accept": 'multipart/related; type="application/octet-stream"'})
        parts = parts_of(response)
        assert f"{stored.url}/bulkdata/7FE00010" in {part.location for part in parts}
        for part in parts:
            (single,) = parts_of(shelf.client.get(part.location))
            assert single.body == part.body


# Framing -------------------------------------------------------------------------------------------------------


def test_content_length_is_there_when_it_is_known(shelf: Shelf) -> None:
    """8.4.3: a payload has a Content-Length, or else a transfer coding."""
    for name in ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm"):
        stored = shelf.store(samples.sample(name))
        for accept in (AS_STORED, "application/dicom; transfer-syntax=*"):
            response = stored.get("", accept)
            assert int(response.headers["content-length"]) == len(response.content)


def test_boundaries_follow_from_the_content_and_are_never_in_it(shelf: Shelf) -> None:
    """A constant boundary may occur inside pixel data (pain 7), a random one makes ranges meaningless (8.4.2)."""
    stored = shelf.store(samples.sample("CT_small.dcm"))

    def boundary() -> str:
        return media_type(stored.get().headers["content-type"])[1]["boundary"]

    first = boundary()
    assert first == boundary()
    shelf.store(samples.variant("CT_small.dcm", PatientComments=first))
    second = boundary()
    assert second != first
    assert second.encode() not in stored.get(accept="application/dicom").content


def test_what_looks_like_multipart_inside_an_instance_survives(shelf: Shelf) -> None:
    """CRLFCRLF and delimiter look-alikes inside a value are data (pain 7)."""
    nasty = b"\r\n\r\n--boundary\r\nContent-Type: application/dicom\r\n\r\n--boundary--\r\n"
    stored = shelf.store(samples.variant("CT_small.dcm", DataSetTrailingPadding=nasty))
    (part,) = parts_of(stored.get("", AS_STORED))
    assert part.body == stored.file


@pytest.mark.parametrize("accept", [AS_STORED, ANY_DICOM, "application/dicom", "*/*"])
def test_head_answers_like_get_without_the_payload(shelf: Shelf, accept: str) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    head = shelf.client.head(stored.path, headers={"Accept": accept})
    got = stored.get("", accept)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["content-type"].partition(";")[0] == got.headers["content-type"].partition(";")[0]


def test_responses_may_be_cached_by_their_user_only(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get("", "application/dicom")
    assert response.headers["cache-control"].partition(",")[0] == "private"
    assert "accept" in response.headers["vary"].lower()


# Errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/studies/1.2.3", "/studies/1.2.3/series/4", "/studies/1.2.3/series/4/instances/5"])
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    assert client.get(BASE + path).status_code == 404


def test_an_instance_is_found_only_under_its_own_study_and_series(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    study, series, instance = samples.uids(stored.file)
    for wrong in (
        f"/studies/1.2/series/{series}/instances/{instance}",
        f"/studies/{study}/series/1.2/instances/{instance}",
        f"/studies/{study}/series/{series}/instances/1.2",
        f"/studies/1.2/series/{series}",
    ):
        assert shelf.client.get(BASE + wrong).status_code == 404


@pytest.mark.parametrize(
    "uid", ["1..2", ".1", "1.", "abc", "1.2.3a", "1" * 65, "1 2", "1%2E%2E", "%00", "1\u0660", "*"]
)
def test_what_is_no_uid_is_400(client: TestClient, uid: str) -> None:
    for path in (f"/studies/{uid}", f"/studies/1/series/{uid}", f"/studies/1/series/2/instances/{uid}"):
        response = client.get(BASE + path)
        assert response.status_code == 400
        assert uid not in response.json()["detail"]
