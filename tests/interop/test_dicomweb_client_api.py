"""Every public method of the Python package dicomweb-client, each against what pydicom reads in the file itself."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from dicomweb_client import URI, DICOMwebClient
from dicomweb_client.uri import URISuffix, URIType
from pydicom.uid import generate_uid
from requests import HTTPError
from tests import samples
from tests.payloads import frames_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset
    from tests.conftest import Server

JPEG = ("image/jpeg", "1.2.840.10008.1.2.4.50")
J2K = ("image/jp2", "1.2.840.10008.1.2.4.90")
EXPLICIT = ("application/octet-stream", "1.2.840.10008.1.2.1")


@dataclass(frozen=True)
class Shelf:
    """A stored study of one series: two CT slices and a compressed multi-frame image."""

    client: DICOMwebClient
    study: str
    series: str
    slices: tuple[Dataset, Dataset]
    multi_frame: Dataset

    @property
    def uids(self) -> tuple[str, str]:
        return self.study, self.series

    def address(self, dataset: Dataset) -> tuple[str, str, str]:
        return self.study, self.series, str(dataset.SOPInstanceUID)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return *self.slices, self.multi_frame

    def uri_of(self, dataset: Dataset, tag: str = "7FE00010") -> str:
        return self.client.retrieve_instance_metadata(*self.address(dataset))[tag]["BulkDataURI"]


def new_client(server: Server) -> DICOMwebClient:
    client = DICOMwebClient(server.url)
    client.set_http_retry_params(retry=False)
    return client


@pytest.fixture
def shelf(running: Server) -> Shelf:
    client = new_client(running)
    study, series = generate_uid(), generate_uid()

    def fresh(name: str, number: int) -> Dataset:
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": generate_uid()}
        return pydicom.dcmread(io.BytesIO(samples.variant(name, InstanceNumber=number, **uids)))

    made = Shelf(
        client,
        study,
        series,
        (fresh("CT_small.dcm", 1), fresh("CT_small.dcm", 2)),
        fresh("emri_small_jpeg_2k_lossless.dcm", 3),
    )
    client.store_instances(list(made.datasets))
    return made


def found(datasets: Any) -> set[str]:
    return {dataset.SOPInstanceUID for dataset in datasets}


def instances(rows: list[dict[str, Any]]) -> set[str]:
    return {row["00080018"]["Value"][0] for row in rows}


# Store ---------------------------------------------------------------------------------------------------------


def store_instances(shelf: Shelf) -> None:
    again = shelf.client.store_instances(list(shelf.datasets), study_instance_uid=shelf.study)
    assert {item.ReferencedSOPInstanceUID for item in again.ReferencedSOPSequence} == found(shelf.datasets)


def set_chunk_size(shelf: Shelf) -> None:
    shelf.client.set_chunk_size(5_000)
    store_instances(shelf)
    (read,) = [one for one in shelf.client.iter_study(shelf.study) if one.InstanceNumber == 2]
    assert read == shelf.slices[1]


def set_http_retry_params(shelf: Shelf) -> None:
    shelf.client.set_http_retry_params(retry=True, max_attempts=2, wait_exponential_multiplier=1)
    with pytest.raises(HTTPError, match="404"):
        shelf.client.retrieve_study_metadata("1.2.3")


# Search --------------------------------------------------------------------------------------------------------


def search_for_studies(shelf: Shelf) -> None:
    mine = {"StudyInstanceUID": shelf.study}
    (row,) = shelf.client.search_for_studies(
        search_filters={**mine, "PatientName": "compressedsamples*", "StudyDate": "19970101-20301231"},
        fields=["StudyDescription", "00101010", "NumberOfStudyRelatedInstances"],
        fuzzymatching=True,
        limit=5,
        offset=0,
        get_remaining=True,
    )
    assert row["00201208"]["Value"] == [3]
    assert row["00081190"]["Value"] == [f"{shelf.client.base_url}/studies/{shelf.study}"]
    assert shelf.client.search_for_studies(search_filters=mine, offset=1) == []
    uids = {"StudyInstanceUID": f"{shelf.study},1.2.3"}
    assert len(shelf.client.search_for_studies(search_filters=uids)) == 1
    additional = {"StudyInstanceUID": shelf.study}
    assert len(shelf.client.search_for_studies(additional_params=additional)) == 1


def search_for_series(shelf: Shelf) -> None:
    (row,) = shelf.client.search_for_series(shelf.study, fields=["SeriesDescription"])
    assert row["0020000E"]["Value"] == [shelf.series]
    assert row["00201209"]["Value"] == [3]
    everywhere = shelf.client.search_for_series(search_filters={"SeriesInstanceUID": shelf.series})
    assert [one["0020000E"] for one in everywhere] == [row["0020000E"]]


def search_for_instances(shelf: Shelf) -> None:
    client, expected = shelf.client, found(shelf.datasets)
    assert instances(client.search_for_instances(*shelf.uids)) == expected
    assert instances(client.search_for_instances(shelf.study)) == expected
    assert instances(client.search_for_instances(search_filters={"SeriesInstanceUID": shelf.series})) == expected
    pages = [client.search_for_instances(*shelf.uids, limit=1, offset=n) for n in range(4)]
    assert [len(page) for page in pages] == [1, 1, 1, 0]
    assert set().union(*map(instances, pages)) == expected
    assert instances(client.search_for_instances(*shelf.uids, limit=1, get_remaining=True)) == expected


# Retrieve ------------------------------------------------------------------------------------------------------

AS_STORED = (("application/dicom", "*"),)


def same(read: Any, shelf: Shelf) -> None:
    assert sorted(read, key=lambda one: one.InstanceNumber) == list(shelf.datasets)


def retrieve_study(shelf: Shelf) -> None:
    same(shelf.client.retrieve_study(shelf.study, media_types=AS_STORED), shelf)


def iter_study(shelf: Shelf) -> None:
    same(shelf.client.iter_study(shelf.study, media_types=AS_STORED), shelf)


def retrieve_series(shelf: Shelf) -> None:
    same(shelf.client.retrieve_series(*shelf.uids, media_types=AS_STORED), shelf)


def iter_series(shelf: Shelf) -> None:
    same(shelf.client.iter_series(*shelf.uids, media_types=AS_STORED), shelf)


def retrieve_instance(shelf: Shelf) -> None:
    for dataset in shelf.datasets:
        assert shelf.client.retrieve_instance(*shelf.address(dataset), media_types=AS_STORED) == dataset
    assert shelf.client.retrieve_instance(*shelf.address(shelf.slices[0])) == shelf.slices[0]


def check_metadata(shelf: Shelf, documents: list[dict[str, Any]]) -> None:
    read = {}
    for document in documents:
        dataset = pydicom.Dataset.from_json(
            document, bulk_data_uri_handler=lambda uri: b"".join(shelf.client.retrieve_bulkdata(uri))
        )
        read[dataset.SOPInstanceUID] = dataset
    assert set(read) == found(shelf.datasets)
    for dataset in shelf.slices:
        assert comparable(read[dataset.SOPInstanceUID]) == comparable(dataset)


def comparable(dataset: Dataset) -> dict[str, Any]:
    """JSON and DICOM files may differ in the character set, and padding behind a file belongs to the file."""
    return {tag: element for tag, element in dataset.to_json_dict().items() if tag not in {"00080005", "FFFCFFFC"}}


def retrieve_study_metadata(shelf: Shelf) -> None:
    check_metadata(shelf, shelf.client.retrieve_study_metadata(shelf.study))
    selected = {"includefield": "InstanceNumber"}
    for document in shelf.client.retrieve_study_metadata(shelf.study, additional_params=selected):
        assert "00200013" in document
        assert "00280010" not in document


def retrieve_series_metadata(shelf: Shelf) -> None:
    check_metadata(shelf, shelf.client.retrieve_series_metadata(*shelf.uids))


def retrieve_instance_metadata(shelf: Shelf) -> None:
    documents = [shelf.client.retrieve_instance_metadata(*shelf.address(dataset)) for dataset in shelf.datasets]
    check_metadata(shelf, documents)


# Frames and bulk data --------------------------------------------------------------------------------------------


def check_frames(shelf: Shelf, retrieve: Callable[..., Any]) -> None:
    expected = frames_of(shelf.multi_frame)
    for media_types in (None, (J2K,), ("image/jp2",), (EXPLICIT[0], J2K), ("*/*",), ("image/*",), (JPEG, J2K)):
        for numbers in ([1], [2, 3, 10], list(range(1, 11))):
            read = list(retrieve(*shelf.address(shelf.multi_frame), numbers, media_types=media_types))
            assert read == [expected[number - 1] for number in numbers], media_types
    for media_types in (None, (EXPLICIT,), ("application/octet-stream",)):
        (frame,) = retrieve(*shelf.address(shelf.slices[0]), [1], media_types=media_types)
        assert frame == shelf.slices[0].PixelData


def retrieve_instance_frames(shelf: Shelf) -> None:
    check_frames(shelf, shelf.client.retrieve_instance_frames)


def iter_instance_frames(shelf: Shelf) -> None:
    check_frames(shelf, shelf.client.iter_instance_frames)


def check_bulk(shelf: Shelf, retrieve: Callable[..., Any]) -> None:
    uri, expected = shelf.uri_of(shelf.slices[0]), shelf.slices[0].PixelData
    for media_types in (None, ("application/octet-stream",), (EXPLICIT,)):
        assert list(retrieve(uri, media_types=media_types)) == [expected], media_types
        # The client reads nothing but multipart payloads, in which a range is not one of the value: it gets all of it.
        assert list(retrieve(uri, media_types=media_types, byte_range=(0, 9))) == [expected], media_types
    frames = shelf.uri_of(shelf.multi_frame)
    for media_types in (None, ("image/jp2",), (J2K,)):
        assert list(retrieve(frames, media_types=media_types)) == frames_of(shelf.multi_frame)


def retrieve_bulkdata(shelf: Shelf) -> None:
    check_bulk(shelf, shelf.client.retrieve_bulkdata)


def iter_bulkdata(shelf: Shelf) -> None:
    check_bulk(shelf, shelf.client.iter_bulkdata)


# Rendered ------------------------------------------------------------------------------------------------------


def need_rendered(shelf: Shelf) -> None:
    """Rendered resources are there once the server's own description names them."""
    paths = shelf.client._session.get(f"{shelf.client.base_url}/openapi.json").json()["paths"]
    if not any(path.endswith("/rendered") for path in paths):
        pytest.skip("this server has no rendered resources yet")


def is_image(content: bytes) -> bool:
    return content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def retrieve_series_rendered(shelf: Shelf) -> None:
    need_rendered(shelf)
    assert shelf.client.retrieve_series_rendered(*shelf.uids)


def retrieve_instance_rendered(shelf: Shelf) -> None:
    need_rendered(shelf)
    for media_types in (None, ("image/jpeg",), ("image/png",)):
        assert is_image(
            shelf.client.retrieve_instance_rendered(*shelf.address(shelf.slices[0]), media_types=media_types)
        )


def retrieve_instance_frames_rendered(shelf: Shelf) -> None:
    need_rendered(shelf)
    for media_types in (None, ("image/jpeg",), ("image/png",)):
        address = shelf.address(shelf.multi_frame)
        assert is_image(shelf.client.retrieve_instance_frames_rendered(*address, [2], media_types=media_types))


# Delete --------------------------------------------------------------------------------------------------------


def delete_instance(shelf: Shelf) -> None:
    shelf.client.delete_instance(*shelf.address(shelf.slices[0]))
    assert instances(shelf.client.search_for_instances(*shelf.uids)) == found(shelf.datasets[1:])
    with pytest.raises(HTTPError, match="410"):
        shelf.client.retrieve_instance(*shelf.address(shelf.slices[0]))


def delete_series(shelf: Shelf) -> None:
    shelf.client.delete_series(*shelf.uids)
    assert shelf.client.search_for_series(shelf.study) == []
    with pytest.raises(HTTPError, match="410"):
        shelf.client.delete_series(*shelf.uids)


def delete_study(shelf: Shelf) -> None:
    shelf.client.delete_study(shelf.study)
    assert shelf.client.search_for_studies(search_filters={"StudyInstanceUID": shelf.study}) == []
    with pytest.raises(HTTPError, match="410"):
        shelf.client.retrieve_study_metadata(shelf.study)
    shelf.client.store_instances(list(shelf.datasets))
    same(shelf.client.retrieve_study(shelf.study, media_types=AS_STORED), shelf)


METHODS: tuple[Callable[[Shelf], None], ...] = (
    store_instances, set_chunk_size, set_http_retry_params,
    search_for_studies, search_for_series, search_for_instances,
    retrieve_study, iter_study, retrieve_series, iter_series, retrieve_instance,
    retrieve_study_metadata, retrieve_series_metadata, retrieve_instance_metadata,
    retrieve_instance_frames, iter_instance_frames, retrieve_bulkdata, iter_bulkdata,
    retrieve_series_rendered, retrieve_instance_rendered, retrieve_instance_frames_rendered,
    delete_instance, delete_series, delete_study,
)  # fmt: skip

# They ask no server.
LOCAL = {"lookup_keyword", "lookup_tag", "base_url", "host", "port", "protocol", "scheme", "url_prefix"}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_method(shelf: Shelf, method: Callable[[Shelf], None]) -> None:
    method(shelf)


def test_there_is_a_row_for_every_method() -> None:
    public = {name for name in dir(DICOMwebClient) if not name.startswith("_")}
    rows = [method.__name__ for method in METHODS]
    assert set(rows) == public - LOCAL
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize("name", ["van der Berg^Ann", "VAN DER*", "van der Berg^A?n", "van*berg^ann"])
def test_blanks_in_names(running: Server, name: str) -> None:
    """The client writes a blank as a plus sign, which is a plus sign in a URI (RFC 3986)."""
    client = new_client(running)
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    file = samples.variant("CT_small.dcm", PatientName="Van der Berg^Ann", **uids)
    client.store_instances([pydicom.dcmread(io.BytesIO(file))])
    mine = {"StudyInstanceUID": uids["StudyInstanceUID"]}
    assert len(client.search_for_studies(search_filters={**mine, "PatientName": name})) == 1
    assert client.search_for_studies(search_filters={**mine, "PatientName": "van den Berg*"}) == []


# The URIs that the server writes ---------------------------------------------------------------------------------


def test_uris_are_read_by_the_client(shelf: Shelf) -> None:
    """`URI` is strict: no trailing slash, no odd UID, the frames as a list of numbers."""
    seen: dict[URIType, int] = defaultdict(int)
    rows = [*shelf.client.search_for_studies(search_filters={"StudyInstanceUID": shelf.study})]
    rows += shelf.client.search_for_series(shelf.study) + shelf.client.search_for_instances(*shelf.uids)
    for row in rows:
        text = row["00081190"]["Value"][0]
        uri = URI.from_string(text)
        assert str(uri) == text
        assert uri.base_url == shelf.client.base_url
        assert uri.study_instance_uid == shelf.study
        seen[uri.type] += 1
        metadata = URI.from_string(f"{text}/metadata")
        assert metadata.suffix is URISuffix.METADATA
        assert shelf.client._session.get(str(metadata)).status_code == 200
    assert seen == {URIType.STUDY: 1, URIType.SERIES: 1, URIType.INSTANCE: 3}
    frame = URI(shelf.client.base_url, *shelf.address(shelf.multi_frame), frames=[1, 3])
    response = shelf.client._session.get(str(frame), headers={"Accept": "*/*"})
    assert response.status_code == 200
    assert str(URI.from_string(response.request.url)) == str(frame)
