"""PS3.18 chapter 9: the URI service (WADO-URI), both transactions, every parameter and error."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid
from tests import samples

if TYPE_CHECKING:
    from pathlib import Path

    from httpx import Response
    from starlette.testclient import TestClient

BASE = "/dicom-web"
WADO = f"{BASE}/wado"
DICOM = "application/dicom"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"


def fresh(name: str, **changes: object) -> bytes:
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    return samples.variant(name, **(uids | changes))


class Archive:
    """A server and the files that it holds, by name."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.files: dict[str, bytes] = {}

    def store(self, name: str, file: bytes) -> bytes:
        response = self.client.post(f"{BASE}/studies", content=file, headers={"Content-Type": DICOM})
        assert response.status_code in {200, 202}, response.text
        self.files[name] = file
        return file

    def query(self, name: str) -> str:
        study, series, instance = samples.uids(self.files[name])
        return f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"

    def get(self, name: str, parameters: str = "", accept: str = "*/*", **headers: str) -> Response:
        query = self.query(name) + (f"&{parameters}" if parameters else "")
        return self.client.get(f"{WADO}?{query}", headers={"Accept": accept} | headers)


@pytest.fixture
def archive(client: TestClient) -> Archive:
    held = Archive(client)
    held.store("ct", fresh("CT_small.dcm"))
    return held


@pytest.fixture
def mixed(archive: Archive) -> Archive:
    archive.store("frames", fresh("emri_small.dcm"))
    archive.store("report", fresh("reportsi.dcm"))
    archive.store("ecg", fresh("waveform_ecg.dcm"))
    archive.store("jpeg2000", fresh("J2K_pixelrep_mismatch.dcm"))
    archive.store("color", fresh("SC_rgb_small_odd.dcm", BurnedInAnnotation="NO"))
    return archive


def picture(response: Response) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


def dataset(response: Response) -> pydicom.Dataset:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == DICOM
    return pydicom.dcmread(io.BytesIO(response.content))


# Which transaction, which representation -----------------------------------------------------------------------


def test_without_content_type_it_is_a_jpeg(archive: Archive) -> None:
    """Item 37 of the list of errors: the default is not application/dicom."""
    response = archive.get("ct")
    assert response.headers["content-type"] == "image/jpeg"
    assert picture(response).size == (128, 128)
    assert response.headers["content-location"].endswith(samples.instance_path(archive.files["ct"]))
    assert response.headers["content-length"] == str(len(response.content))


CHOICES = [
    # instance, contentType, Accept, status, media type of the answer
    ("ct", "image/png", "*/*", 200, "image/png"),
    ("ct", "image/png;q=0.5,image/gif", "*/*", 200, "image/gif"),
    ("ct", "image/jp2", "image/*", 200, "image/jp2"),
    ("ct", "image/png", "image/jpeg", 406, ""),
    ("ct", "", "image/png", 200, "image/png"),
    ("ct", "", "image/webp, image/*;q=0.8", 200, "image/jpeg"),
    ("ct", "", DICOM, 200, DICOM),
    ("ct", "", f"{DICOM}, */*;q=0.1", 200, DICOM),
    ("ct", "", f"{DICOM}, image/png", 400, ""),
    ("ct", DICOM, "*/*", 200, DICOM),
    ("ct", DICOM, "image/*", 406, ""),
    ("ct", f"{DICOM},image/png", "*/*", 400, ""),
    ("ct", f"{DICOM};transfer-syntax={EXPLICIT}", "*/*", 400, ""),
    ("ct", "", f"{DICOM}; transfer-syntax={EXPLICIT}", 400, ""),
    ("ct", "image/jpeg;charset=utf-8", "*/*", 400, ""),
    ("ct", "image/*", "*/*", 400, ""),
    ("ct", "", "image/avif", 406, ""),
    ("ct", "image/avif", "*/*", 406, ""),
    ("ct", "text/html", "*/*", 406, ""),
    ("ct", "application/dicom+json", "*/*", 406, ""),
    ("ct", 'multipart/related;type="image/jpeg"', "*/*", 406, ""),
    ("ct", "nonsense", "*/*", 400, ""),
    ("frames", "", "*/*", 200, "image/jpeg"),
    ("frames", "image/gif", "*/*", 200, "image/gif"),
    ("report", "", "*/*", 200, "text/html"),
    ("report", "text/plain", "*/*", 200, "text/plain"),
    ("report", "text/xml", "*/*", 200, "text/xml"),
    ("report", "application/pdf", "*/*", 200, "application/pdf"),
    ("report", "image/jpeg", "*/*", 406, ""),
    ("report", DICOM, "*/*", 200, DICOM),
    ("ecg", "", "*/*", 200, "image/svg+xml"),
    ("ecg", "image/png", "*/*", 200, "image/png"),
    ("ecg", DICOM, "*/*", 200, DICOM),
]


@pytest.mark.parametrize(("name", "content_type", "accept", "status", "sent"), CHOICES)
def test_the_media_type_decides(
    mixed: Archive, name: str, content_type: str, accept: str, status: int, sent: str
) -> None:
    response = mixed.get(name, f"contentType={quote(content_type, safe=',/=*')}" if content_type else "", accept)
    assert response.status_code == status, response.text
    if sent:
        assert response.headers["content-type"].partition(";")[0] == sent
        assert "multipart" not in response.headers["content-type"]
    else:
        assert response.json()["accepted"]


# Parameters that both have -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [WADO, BASE, f"{BASE}/"])
def test_the_base_uri_answers_too(archive: Archive, path: str) -> None:
    response = archive.client.get(f"{path}?{archive.query('ct')}&contentType=image/png")
    assert response.headers["content-type"] == "image/png"


def test_the_order_of_parameters_is_free(archive: Archive) -> None:
    query = "&".join(reversed(archive.query("ct").split("&")))
    assert archive.client.get(f"{WADO}?{query}").status_code == 200


@pytest.mark.parametrize("missing", ["requestType", "studyUID", "seriesUID", "objectUID"])
def test_what_is_missing_is_named(archive: Archive, missing: str) -> None:
    query = "&".join(part for part in archive.query("ct").split("&") if not part.startswith(missing))
    response = archive.client.get(f"{WADO}?{query}")
    assert (response.status_code, response.json()["offender"]) == (400, missing)


@pytest.mark.parametrize(
    "change",
    ["requestType=wado", "requestType=WADO-RS", "studyUID=x", "seriesUID=1..2", "objectUID=", "objectUID=1%ZZ"],
)
def test_what_is_malformed_is_named(archive: Archive, change: str) -> None:
    name = change.partition("=")[0]
    kept = [part for part in archive.query("ct").split("&") if not part.startswith(name)]
    response = archive.client.get(f"{WADO}?{'&'.join((*kept, change))}")
    assert (response.status_code, response.json()["offender"]) == (400, name)


@pytest.mark.parametrize("name", ["studyUID", "seriesUID", "objectUID"])
def test_what_is_not_there(archive: Archive, name: str) -> None:
    kept = [part for part in archive.query("ct").split("&") if not part.startswith(name)]
    assert archive.client.get(f"{WADO}?{'&'.join((*kept, f'{name}=1.2.3'))}").status_code == 404


def test_what_is_deleted(archive: Archive) -> None:
    archive.client.delete(BASE + samples.instance_path(archive.files["ct"]))
    for parameters in ("", f"contentType={DICOM}"):
        assert archive.get("ct", parameters).status_code == 410


def test_unknown_parameters_are_ignored(archive: Archive) -> None:
    assert archive.get("ct", "foo=bar&Rows=0&accept=text/html").headers["content-type"] == "image/jpeg"


def test_strictly_an_accept_header_is_needed(make_client) -> None:
    archive = Archive(make_client(strict_accept=True))
    archive.store("ct", fresh("CT_small.dcm"))
    del archive.client.headers["Accept"]
    response = archive.client.get(f"{WADO}?{archive.query('ct')}", headers={"Accept": ""})
    assert response.status_code == 406


BAD = [
    "anonymize=no", "anonymize=", "anonymize=yes,yes", "anonymize=yes&anonymize=yes", "anonymize=YES",
    "transferSyntax=x", "transferSyntax=", f"transferSyntax={EXPLICIT},{JPEG_2000}",
    f"transferSyntax={EXPLICIT}&transferSyntax={EXPLICIT}",
    "annotation=", "annotation=1", "imageAnnotation=", "imageAnnotation=patient&annotation=patient",
    "imageQuality=0", "imageQuality=101", "imageQuality=high", "imageQuality=",
    "frameNumber=0", "frameNumber=1,2", "frameNumber=x", "frameNumber=1&frameNumber=1", "frameNumber=-1",
    "frameNumber=1",  # of an image that has only one
    "rows=0", "rows=-5", "rows=1.5", "columns=x", "columns=", "rows=100000",
    "region=0.5,0,0.2,1", "region=0,0,1", "region=0,0,1,1,1", "region=0,0,1,2", "region=-0.1,0,1,1",
    "region=0,0.5,1,0.5", "region=a,b,c,d", "region=",
    "windowCenter=40", "windowWidth=400", "windowCenter=x&windowWidth=400", "windowCenter=40&windowWidth=0",
    "windowCenter=40&windowWidth=nan", "windowCenter=40,400",
    f"windowCenter=40&windowWidth=400&contentType={DICOM}",
    "presentationUID=1.2.3", "presentationSeriesUID=1.2.3", "presentationUID=1.2&presentationSeriesUID=1.3",
    "presentationUID=x&presentationSeriesUID=1.3",
    "presentationUID=1.2&presentationSeriesUID=1.3&frameNumber=1",
    "presentationUID=1.2&presentationSeriesUID=1.3&windowCenter=1&windowWidth=2",
    "anonymize=yes",  # of a picture
    "charset=%FF",
]  # fmt: skip


@pytest.mark.parametrize("parameters", BAD)
def test_values_that_are_refused(archive: Archive, parameters: str) -> None:
    response = archive.get("ct", parameters)
    assert response.status_code == 400, response.headers["content-type"]
    problem = response.json()
    assert problem["section"].startswith(("PS3.18 9", "PS3.5 9.1"))
    assert problem["offender"]
    assert problem["accepted"]


# Retrieve Rendered Instance (9.5) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ("rows=64", (64, 64)),
        ("columns=32", (32, 32)),
        ("rows=64&columns=16", (16, 16)),
        ("rows=256&columns=300", (256, 256)),
        ("region=0,0,0.5,1", (64, 128)),
        ("region=0,0,0.5,1&rows=64", (32, 64)),
        ("region=0.5,0.5,1,0.75&columns=128", (128, 64)),
    ],
)
def test_rows_columns_and_region(archive: Archive, parameters: str, size: tuple[int, int]) -> None:
    """Each is a maximum, the proportions stay; a region alone keeps the resolution of the source."""
    assert picture(archive.get("ct", parameters, "image/png")).size == size


def test_a_region_is_that_part_of_the_picture(archive: Archive) -> None:
    whole = np.asarray(picture(archive.get("ct", "", "image/png")))
    part = np.asarray(picture(archive.get("ct", "region=0.25,0.5,0.75,1", "image/png")))
    assert np.array_equal(part, whole[64:, 32:96])


def test_a_window(archive: Archive) -> None:
    plain = np.asarray(picture(archive.get("ct", "", "image/png")))
    narrow = np.asarray(picture(archive.get("ct", "windowCenter=1000&windowWidth=1", "image/png")))
    assert set(np.unique(narrow)) <= {0, 255}
    assert not np.array_equal(plain, narrow)
    path = f"{BASE}{samples.instance_path(archive.files['ct'])}/rendered"
    restful = archive.client.get(f"{path}?window=40,400,linear", headers={"Accept": "image/png"})
    assert archive.get("ct", "windowCenter=40&windowWidth=400", "image/png").content == restful.content


def test_quality(archive: Archive) -> None:
    assert len(archive.get("ct", "imageQuality=10").content) < len(archive.get("ct", "imageQuality=95").content)


@pytest.mark.parametrize("name", ["annotation", "imageAnnotation"])
def test_annotation(archive: Archive, name: str) -> None:
    plain = archive.get("ct", "rows=512", "image/png").content
    assert archive.get("ct", f"{name}=patient&rows=512", "image/png").content != plain
    other = archive.get("ct", f"{name}=foo&rows=512", "image/png")
    assert other.content == plain
    assert "The following annotation values are not supported: foo" in other.headers["warning"]


def test_frames(mixed: Archive) -> None:
    frames = [mixed.get("frames", f"frameNumber={number}", "image/png") for number in (1, 5, 10)]
    assert len({response.content for response in frames}) == 3
    assert frames[0].headers["content-location"].endswith("/frames/1")
    assert mixed.get("frames", "frameNumber=11").status_code == 400
    middle = mixed.get("frames", "", "image/png")
    assert middle.content == frames[1].content


def test_an_animation_of_all_frames(mixed: Archive) -> None:
    assert picture(mixed.get("frames", "contentType=image/gif")).n_frames == 10
    assert picture(mixed.get("frames", "contentType=image/gif&frameNumber=3")).n_frames == 1


def test_a_report_ignores_parameters_of_pictures(mixed: Archive) -> None:
    response = mixed.get("report", "rows=64&windowCenter=1&windowWidth=2&annotation=foo&imageQuality=9")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert mixed.get("report", "charset=UTF-8").status_code == 200
    assert mixed.get("report", "charset=x-unknown").status_code == 200
    assert mixed.get("report", "", "*/*", **{"Accept-Charset": "utf-8;q=0"}).status_code == 406


def state_of(file: bytes, window: tuple[float, float]) -> bytes:
    """A grayscale presentation state of an image with a window of its own."""
    image = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    state = pydicom.Dataset()
    state.file_meta = pydicom.dataset.FileMetaDataset()
    state.file_meta.TransferSyntaxUID = EXPLICIT
    state.SOPClassUID = state.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.11.1"
    state.SOPInstanceUID = state.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    state.StudyInstanceUID, state.SeriesInstanceUID, state.Modality = image.StudyInstanceUID, generate_uid(), "PR"
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    series = pydicom.Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [reference]
    state.ReferencedSeriesSequence = [series]
    area = pydicom.Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [128, 128]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    state.DisplayedAreaSelectionSequence = [area]
    voi = pydicom.Dataset()
    voi.WindowCenter, voi.WindowWidth = window
    state.SoftcopyVOILUTSequence = [voi]
    state.PresentationLUTShape = "IDENTITY"
    out = io.BytesIO()
    state.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_a_presentation_state(archive: Archive) -> None:
    state = archive.store("state", state_of(archive.files["ct"], (1000, 1)))
    _, series, instance = samples.uids(state)
    names = f"presentationSeriesUID={series}&presentationUID={instance}"
    shown = np.asarray(picture(archive.get("ct", f"{names}&contentType=image/png&rows=128")))
    assert set(np.unique(shown)) <= {0, 255}
    part = np.asarray(picture(archive.get("ct", f"{names}&contentType=image/png&region=0.5,0,1,1&rows=128")))
    assert part.shape[:2] == (128, 64)
    assert np.array_equal(part, shown[:, 64:])
    for more in ("frameNumber=1", "windowCenter=1&windowWidth=2"):
        assert archive.get("ct", f"{names}&{more}").status_code == 400
    other = archive.store("other", fresh("CT_small.dcm", StudyInstanceUID=samples.uids(state)[0]))
    assert other
    assert archive.get("other", names).status_code == 400  # the state does not refer to it
    _, series, instance = samples.uids(archive.files["ct"])
    no_state = f"presentationSeriesUID={series}&presentationUID={instance}"
    assert archive.get("ct", no_state).status_code == 400


# Retrieve DICOM Instance (9.4) ---------------------------------------------------------------------------------


def test_an_instance_as_it_is_stored(archive: Archive) -> None:
    response = archive.get("ct", f"contentType={DICOM}")
    assert dataset(response).file_meta.TransferSyntaxUID == EXPLICIT
    assert response.content == archive.files["ct"]
    assert response.headers["content-location"].endswith(samples.instance_path(archive.files["ct"]))


@pytest.mark.parametrize(
    ("name", "syntax", "status", "sent"),
    [
        ("jpeg2000", "", 200, EXPLICIT),
        ("jpeg2000", EXPLICIT, 200, EXPLICIT),
        ("jpeg2000", JPEG_2000, 200, JPEG_2000),
        ("ct", RLE, 200, RLE),
        ("ct", IMPLICIT, 406, ""),
        ("ct", "1.2.840.10008.1.2.4.102", 406, ""),
        ("ct", "1.2.3.4", 406, ""),
    ],
)
def test_transfer_syntaxes(mixed: Archive, name: str, syntax: str, status: int, sent: str) -> None:
    response = mixed.get(name, f"contentType={DICOM}" + (f"&transferSyntax={syntax}" if syntax else ""))
    assert response.status_code == status, response.text
    if sent:
        assert dataset(response).file_meta.TransferSyntaxUID == sent


def test_a_transfer_syntax_of_a_picture_is_ignored(archive: Archive) -> None:
    assert archive.get("ct", f"transferSyntax={JPEG_2000}").headers["content-type"] == "image/jpeg"


# Caching, ranges, methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", ["", f"contentType={DICOM}"])
def test_entity_tags_and_ranges(archive: Archive, parameters: str) -> None:
    first = archive.get("ct", parameters)
    tag = first.headers["etag"]
    assert archive.get("ct", parameters, **{"If-None-Match": tag}).status_code == 304
    assert archive.get("ct", parameters, **{"If-Match": '"x"'}).status_code == 412
    part = archive.get("ct", parameters, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, first.content[10:20])
    head = archive.client.head(f"{WADO}?{archive.query('ct')}&{parameters}")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_other_methods(archive: Archive) -> None:
    response = archive.client.post(f"{WADO}?{archive.query('ct')}")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


# anonymize (9.4.1.2.2) -----------------------------------------------------------------------------------------

ANONYMOUS = f"contentType={DICOM}&anonymize=yes"


def test_an_anonymized_instance(archive: Archive) -> None:
    original = pydicom.dcmread(io.BytesIO(archive.files["ct"]))
    response = archive.get("ct", ANONYMOUS)
    made = dataset(response)
    assert made.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in made.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert made.BurnedInAnnotation == "NO"
    assert made.PatientName != original.PatientName
    assert made.PatientID != original.PatientID
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert made[keyword].value != original[keyword].value
        assert str(made[keyword].value).startswith("2.25.")
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert np.array_equal(made.pixel_array, original.pixel_array)
    assert "content-location" not in response.headers
    assert not any(element.tag.is_private for element in made)


def test_nothing_of_the_original_is_left(archive: Archive) -> None:
    """No UID, name, number or date of the data set anywhere in the bytes or the header section."""
    original = pydicom.dcmread(io.BytesIO(archive.files["ct"]))
    response = archive.get("ct", ANONYMOUS)
    for keyword in (
        "PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID",
        "StudyDate", "InstitutionName", "StudyID",
    ):  # fmt: skip
        value = str(original[keyword].value).encode()
        if len(value) > 4:
            assert value not in response.content, keyword
            assert value not in repr(response.headers).encode(), keyword
    digest = archive.get("ct", f"contentType={DICOM}").headers["etag"][1:30]
    assert digest not in response.headers["etag"]


def test_instances_still_belong_together(archive: Archive) -> None:
    study, series = generate_uid(), generate_uid()
    for name in ("first", "second"):
        archive.store(name, fresh("CT_small.dcm", StudyInstanceUID=study, SeriesInstanceUID=series))
    first, second = (dataset(archive.get(name, ANONYMOUS)) for name in ("first", "second"))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.PatientID == second.PatientID
    assert dataset(archive.get("ct", ANONYMOUS)).PatientID != first.PatientID
    assert dataset(archive.get("first", ANONYMOUS)).SOPInstanceUID == first.SOPInstanceUID


def test_the_key_is_the_archive_s_or_a_setting(make_client, tmp_path: Path) -> None:
    file = fresh("CT_small.dcm")
    made: list[str] = []
    for settings in ({}, {}, {"deidentification": {"key": "0123456789abcdef"}}):
        archive = Archive(make_client(**settings))
        archive.store("ct", file)
        made.append(dataset(archive.get("ct", ANONYMOUS)).SOPInstanceUID)
    assert len(set(made)) == 3
    (key,) = (tmp_path / "archive0").glob("*.key")
    assert key.stat().st_mode & 0o077 == 0


def test_a_compressed_instance(mixed: Archive) -> None:
    mixed.store("rle", fresh("MR_small_RLE.dcm", BurnedInAnnotation="NO"))
    original = pydicom.dcmread(io.BytesIO(mixed.files["rle"]))
    for syntax in ("", RLE, DEFLATED):
        parameters = ANONYMOUS + (f"&transferSyntax={syntax}" if syntax else "")
        made = dataset(mixed.get("rle", parameters))
        assert made.file_meta.TransferSyntaxUID == (syntax or EXPLICIT)
        assert np.array_equal(made.pixel_array, original.pixel_array)


def test_a_multi_frame_instance(mixed: Archive) -> None:
    original = pydicom.dcmread(io.BytesIO(mixed.files["frames"]))
    assert np.array_equal(dataset(mixed.get("frames", ANONYMOUS)).pixel_array, original.pixel_array)


REFUSED: dict[str, tuple[str, dict[str, object]]] = {
    "report": ("reportsi.dcm", {}),
    "burned in": ("CT_small.dcm", {"BurnedInAnnotation": "YES"}),
    "not known": ("SC_rgb_small_odd.dcm", {}),
    "ultrasound": ("CT_small.dcm", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}),
    "a copy of a screen": ("CT_small.dcm", {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}),
    "a face": ("CT_small.dcm", {"RecognizableVisualFeatures": "YES"}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_done_right_is_refused(archive: Archive, why: str) -> None:
    name, changes = REFUSED[why]
    archive.store(why, fresh(name, **changes))
    response = archive.get(why, ANONYMOUS)
    assert response.status_code == 406
    assert response.json()["offender"] == "anonymize"
    assert "cannot be de-identified: " in response.json()["detail"]


def test_what_says_no_is_believed(mixed: Archive) -> None:
    assert dataset(mixed.get("color", ANONYMOUS)).BurnedInAnnotation == "NO"


def test_what_is_de_identified_already_keeps_its_uids(archive: Archive) -> None:
    once = archive.get("ct", ANONYMOUS).content
    archive.store("once", once)
    twice = archive.get("once", ANONYMOUS)
    assert dataset(twice).SOPInstanceUID == dataset(archive.get("once", f"contentType={DICOM}")).SOPInstanceUID
    assert "content-location" not in twice.headers


def test_what_is_stored_never_changes(archive: Archive) -> None:
    archive.get("ct", ANONYMOUS)
    assert archive.get("ct", f"contentType={DICOM}").content == archive.files["ct"]
