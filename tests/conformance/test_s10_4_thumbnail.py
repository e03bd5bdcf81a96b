"""PS3.18 10.4.1.1.4: thumbnails of studies, series, instances and frames."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import generate_uid
from tests import part10, samples

if TYPE_CHECKING:
    from starlette.testclient import TestClient

BASE = "/dicom-web"
DICOM = {"Content-Type": "application/dicom"}


def store(client: TestClient, *files: bytes) -> None:
    for file in files:
        response = client.post(f"{BASE}/studies", content=file, headers=DICOM)
        assert response.status_code in {200, 202}, response.text


def fresh(name: str, **changes: object) -> bytes:
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    return samples.variant(name, **(uids | changes))


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def levels(file: bytes) -> list[str]:
    study, series, instance = samples.uids(file)
    path = f"{BASE}/studies/{study}"
    below = f"{path}/series/{series}/instances/{instance}"
    return [path, f"{path}/series/{series}", below, f"{below}/frames/1"]


@pytest.mark.parametrize("level", range(4), ids=["study", "series", "instance", "frame"])
def test_a_small_jpeg_at_every_level(client: TestClient, level: int) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    response = client.get(f"{levels(file)[level]}/thumbnail")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert picture(response.content).size == (256, 256)
    assert response.headers["content-location"].endswith(levels(file)[3 if level == 3 else 2])
    assert response.headers["content-length"] == str(len(response.content))
    assert "content-disposition" not in response.headers


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/jpeg", "JPEG"),
        ("image/png", "PNG"),
        ("image/gif", "GIF"),
        ("image/jp2", "JPEG2000"),
        ("image/*", "JPEG"),
    ],
)
def test_media_types(client: TestClient, accept: str, kind: str) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    response = client.get(f"{levels(file)[2]}/thumbnail", headers={"Accept": accept})
    assert picture(response.content).format == kind


def test_one_part_of_a_multipart(client: TestClient) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    accept = {"Accept": 'multipart/related; type="image/png"'}
    response = client.get(f"{levels(file)[0]}/thumbnail", headers=accept)
    assert response.headers["content-type"].startswith('multipart/related; type="image/png"')
    assert response.content.count(b"\x89PNG") == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("viewport=64,32", 200),
        ("viewport=64", 400),
        ("viewport=64,64,0,0", 400),
        ("viewport=64,64,", 400),
        ("viewport=0,64", 400),
        ("viewport=64,64&viewport=64,64", 400),
        ("quality=0", 200),  # no parameter of thumbnails: ignored (8.3.1)
        ("window=1,2", 200),
        ("annotation=", 200),
        ("foo=bar", 200),
    ],
)
def test_parameters(client: TestClient, query: str, status: int) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    response = client.get(f"{levels(file)[0]}/thumbnail?{query}")
    assert response.status_code == status
    if query == "viewport=64,32":
        assert picture(response.content).size == (32, 32)


def test_what_is_not_there(client: TestClient) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    paths = levels(file)
    assert client.get(f"{BASE}/studies/1.2.3/thumbnail").status_code == 404
    assert client.get(f"{paths[2]}/frames/2/thumbnail").status_code == 404
    assert client.get(f"{paths[2]}/frames/0/thumbnail").status_code == 400
    assert client.get(f"{paths[0]}/thumbnail", headers={"Accept": "application/dicom"}).status_code == 406
    mixed = {"Accept": "application/dicom, image/png"}
    assert client.get(f"{paths[0]}/thumbnail", headers=mixed).status_code == 400
    client.delete(paths[0])
    assert client.get(f"{paths[0]}/thumbnail").status_code == 410


def test_entity_tags(client: TestClient) -> None:
    file = fresh("CT_small.dcm")
    store(client, file)
    path = f"{levels(file)[0]}/thumbnail"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{path}?viewport=64,64").headers["etag"] != first.headers["etag"]
    assert client.get(path, headers={"Accept": "image/png"}).headers["etag"] != first.headers["etag"]
    head = client.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])


def test_what_may_change_is_never_called_immutable(client: TestClient, make_client) -> None:
    client = make_client(cache_seconds=60)
    file = fresh("CT_small.dcm")
    store(client, file)
    paths = levels(file)
    assert client.get(f"{paths[0]}/thumbnail").headers["cache-control"] == "private, no-cache"
    assert "immutable" in client.get(f"{paths[2]}/thumbnail").headers["cache-control"]


def test_size_is_a_setting(make_client) -> None:
    client = make_client(thumbnails={"size": 48})
    file = fresh("CT_small.dcm")
    store(client, file)
    assert picture(client.get(f"{levels(file)[0]}/thumbnail").content).size == (48, 48)


def test_the_middle_image_of_the_longest_series_of_images(client: TestClient) -> None:
    study = generate_uid()
    scout = samples.series(1, StudyInstanceUID=study, SeriesNumber=1)
    slices = samples.series(5, StudyInstanceUID=study, SeriesNumber=2)
    report = fresh("reportsi.dcm", StudyInstanceUID=study)
    page = fresh("SC_rgb_small_odd.dcm", StudyInstanceUID=study)
    store(client, *scout, report, page, *slices)
    response = client.get(f"{BASE}/studies/{study}/thumbnail")
    assert response.headers["content-location"].endswith(samples.instance_path(slices[2]))


def test_the_middle_frame(client: TestClient) -> None:
    file = fresh("emri_small.dcm")
    store(client, file)
    response = client.get(f"{levels(file)[0]}/thumbnail")
    assert response.headers["content-location"].endswith("/frames/5")


@pytest.mark.parametrize("name", ["reportsi.dcm", "waveform_ecg.dcm", "rtplan.dcm"])
def test_what_has_no_picture_has_an_icon(client: TestClient, name: str) -> None:
    file = fresh(name)
    store(client, file)
    for path in levels(file)[:3]:
        response = client.get(f"{path}/thumbnail?viewport=128,96", headers={"Accept": "image/png"})
        assert response.status_code == 200
        shown = np.asarray(picture(response.content))
        assert shown.shape == (96, 96, 3)
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 20
    assert client.get(f"{levels(file)[3]}/thumbnail").status_code == 404


def test_icons_differ(client: TestClient) -> None:
    files = [fresh(name) for name in ("reportsi.dcm", "waveform_ecg.dcm", "rtplan.dcm")]
    store(client, *files)
    assert len({client.get(f"{levels(file)[0]}/thumbnail").content for file in files}) == 3


def test_what_cannot_be_decoded_has_an_icon(client: TestClient) -> None:
    file = fresh("CT_small.dcm", Rows=200)
    store(client, file)
    response = client.get(f"{levels(file)[2]}/thumbnail", headers={"Accept": "image/png"})
    assert response.status_code == 200
    assert picture(response.content).mode == "RGB"


def stripes(**changes: object) -> bytes:
    """An ultrasound image with rows of text: stripes of four pixels, as letters are."""
    dataset = pydicom.dcmread(io.BytesIO(samples.sample("CT_small.dcm")))
    for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, key, generate_uid())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    pixels = np.zeros((128, 128), np.uint16)
    pixels[(np.arange(128) // 2) % 2 == 0] = 1000
    dataset.PixelData, dataset.PixelRepresentation = pixels.tobytes(), 0
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue", "RescaleIntercept"):
        if keyword in dataset:
            delattr(dataset, keyword)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def contrast(client: TestClient, file: bytes) -> float:
    response = client.get(f"{levels(file)[2]}/thumbnail?viewport=256,256", headers={"Accept": "image/png"})
    assert response.status_code == 200
    return float(np.asarray(picture(response.content).convert("L")).astype(float).std())


def test_text_that_may_be_burned_in_cannot_be_read(client: TestClient) -> None:
    """What is as fine as letters becomes one grey, whatever size is asked for; an image that says NO stays sharp."""
    unknown, clean = stripes(), stripes(BurnedInAnnotation="NO")
    store(client, unknown, clean)
    assert contrast(client, clean) > 100
    assert contrast(client, unknown) < 20


def test_what_says_that_names_are_burned_in_is_not_shown(client: TestClient) -> None:
    said = stripes(BurnedInAnnotation="YES")
    store(client, said)
    response = client.get(f"{levels(said)[2]}/thumbnail", headers={"Accept": "image/png"})
    assert picture(response.content).mode == "RGB"  # an icon: the image is grey


def test_the_label_of_a_slide_is_not_shown(client: TestClient) -> None:
    label = stripes(SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6", ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"])
    store(client, label)
    response = client.get(f"{levels(label)[0]}/thumbnail", headers={"Accept": "image/png"})
    assert picture(response.content).mode == "RGB"


def test_overlays_are_not_part_of_it(client: TestClient) -> None:
    """Whatever is written in an overlay, a name for example, is not in the thumbnail."""
    plain = fresh("CT_small.dcm")
    marked = with_overlay()
    store(client, plain, marked)
    first, second = (
        client.get(f"{levels(file)[2]}/thumbnail", headers={"Accept": "image/png"}).content for file in (plain, marked)
    )
    assert first == second


def with_overlay() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(fresh("CT_small.dcm")))
    dataset.add_new(0x60000010, "US", 128)
    dataset.add_new(0x60000011, "US", 128)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60003000, "OW", b"\xff" * 2048)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def video() -> bytes:
    """An endoscopy: eight frames of 256 x 256, the left half bright, as H.264 in an MP4 file."""
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.pixels.video import encode_mp4

    frame = np.zeros((256, 256, 3), np.uint8)
    frame[:, :128] = 220
    stream = b"".join(encode_mp4((RenderedImage(frame), 40.0) for _ in range(8)))
    dataset = pydicom.dcmread(io.BytesIO(fresh("SC_rgb_small_odd.dcm")), stop_before_pixels=True)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    dataset.Rows = dataset.Columns = 256
    dataset.NumberOfFrames, dataset.PhotometricInterpretation, dataset.Modality = 8, "YBR_PARTIAL_420", "ES"
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, dataset)
    return part10.part10(out.getvalue() + part10.encapsulated(stream), "1.2.840.10008.1.2.4.102")


def test_the_poster_of_a_video(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    file = video()
    store(client, file)
    path = f"{levels(file)[2]}/thumbnail?viewport=128,128"
    shown = np.asarray(picture(client.get(path, headers={"Accept": "image/png"}).content).convert("L"))
    assert shown.shape == (128, 128)
    assert shown[:, :48].mean() > 180
    assert shown[:, 80:].mean() < 60
    monkeypatch.setattr("filmjacket.services.studies.thumbnail.can_encode_video", lambda: False)
    icon = client.get(path, headers={"Accept": "image/png"})
    assert icon.status_code == 200
    assert icon.headers["etag"].startswith('"icon-')
