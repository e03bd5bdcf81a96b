"""The Python package dicomweb-client against real server processes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from pydicom.uid import generate_uid
from requests import HTTPError
from tests import samples
from tests.payloads import dataset_of, frames_of

if TYPE_CHECKING:
    from pydicom import Dataset
    from tests.conftest import Server


@pytest.fixture
def client(running: Server) -> DICOMwebClient:
    client = DICOMwebClient(running.url)
    client.set_http_retry_params(retry=False)
    return client


def read(*files: bytes) -> list[Dataset]:
    return [pydicom.dcmread(io.BytesIO(file)) for file in files]


def fresh(name: str, **changes: object) -> Dataset:
    """A bundled file with new UIDs."""
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    (dataset,) = read(samples.variant(name, **(uids | changes)))
    return dataset


def address(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def same(ours: Dataset, theirs: Dataset) -> bool:
    return ours.to_json_dict() == theirs.to_json_dict()


# Store ---------------------------------------------------------------------------------------------------------


def test_store_instances(client: DICOMwebClient, running: Server) -> None:
    datasets = read(*samples.series(3))
    answer = client.store_instances(datasets)
    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == {
        dataset.SOPInstanceUID for dataset in datasets
    }
    assert answer.RetrieveURL == f"{running.url}/studies/{datasets[0].StudyInstanceUID}"
    assert "FailedSOPSequence" not in answer


def test_store_instances_into_a_study_and_not_into_another(client: DICOMwebClient) -> None:
    dataset = fresh("MR_small.dcm")
    client.store_instances([dataset], study_instance_uid=dataset.StudyInstanceUID)
    with pytest.raises(HTTPError, match="409"):
        client.store_instances([fresh("MR_small.dcm")], study_instance_uid="1.2.3")


def test_store_in_chunks(running: Server) -> None:
    """More than `chunk_size` goes with chunked transfer coding and another Host header."""
    client = DICOMwebClient(running.url, chunk_size=10_000)
    dataset = fresh("CT_small.dcm")
    client.store_instances([dataset])
    assert same(client.retrieve_instance(*address(dataset)), dataset)


# Search --------------------------------------------------------------------------------------------------------


def test_search_for_studies_with_everything(client: DICOMwebClient) -> None:
    patient = generate_uid()[-12:]
    for name in ("Doe^Jane", "Doe^John", "Roe^Jane"):
        client.store_instances([fresh("CT_small.dcm", PatientID=patient, PatientName=name)])
    mine = {"PatientID": patient}
    assert len(client.search_for_studies(search_filters=mine)) == 3
    assert len(client.search_for_studies(search_filters={**mine, "PatientName": "Doe*"})) == 2
    assert len(client.search_for_studies(search_filters={**mine, "PatientName": "Doe^Jan?"})) == 1
    assert len(client.search_for_studies(search_filters={"00100020": patient}, limit=2)) == 2
    pages = [client.search_for_studies(search_filters=mine, limit=1, offset=n) for n in range(4)]
    assert [len(page) for page in pages] == [1, 1, 1, 0]
    assert len({page[0]["0020000D"]["Value"][0] for page in pages[:3]}) == 3
    assert len(client.search_for_studies(search_filters=mine, limit=1, get_remaining=True)) == 3
    client.search_for_studies(search_filters={**mine, "PatientName": "doe"}, fuzzymatching=True)
    (row, *_) = client.search_for_studies(search_filters=mine, fields=["StudyDescription", "00081030", "PatientAge"])
    assert row["00081030"]["Value"]


def test_search_for_series_and_instances(client: DICOMwebClient) -> None:
    datasets = read(*samples.series(3))
    client.store_instances(datasets)
    study, series, _ = address(datasets[0])
    (row,) = client.search_for_series(study)
    assert row["0020000E"]["Value"] == [series]
    assert row["00201209"]["Value"] == [3]
    assert client.search_for_series(search_filters={"SeriesInstanceUID": series, "Modality": "CT"}) != []
    assert client.search_for_series(study, search_filters={"Modality": "MR"}) == []
    rows = client.search_for_instances(study, series, fields=["SliceLocation", "AvailableTransferSyntaxUID"])
    assert {row["00080018"]["Value"][0] for row in rows} == {dataset.SOPInstanceUID for dataset in datasets}
    assert all(row["00083002"]["Value"][0] == "1.2.840.10008.1.2.1" for row in rows)
    assert len(client.search_for_instances(study, limit=2, offset=1)) == 2
    assert len(client.search_for_instances(search_filters={"StudyInstanceUID": study})) == 3


def test_nothing_found_is_an_empty_list(client: DICOMwebClient) -> None:
    assert client.search_for_studies(search_filters={"PatientID": "nobody at all"}) == []


# Retrieve ------------------------------------------------------------------------------------------------------


def test_retrieve_study_series_instance(client: DICOMwebClient) -> None:
    datasets = read(*samples.series(3))
    client.store_instances(datasets)
    study, series, instance = address(datasets[0])
    for got in (
        client.retrieve_study(study),
        client.retrieve_series(study, series),
        list(client.iter_study(study)),
        list(client.iter_series(study, series)),
    ):
        assert len(got) == 3
        for ours, theirs in zip(sorted(got, key=lambda one: one.InstanceNumber), datasets, strict=True):
            assert same(ours, theirs)
    assert same(client.retrieve_instance(study, series, instance), datasets[0])
    as_stored = (("application/dicom", "*"),)
    assert same(client.retrieve_instance(study, series, instance, media_types=as_stored), datasets[0])


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
def test_what_may_not_be_sent_comes_as_explicit_little_endian(client: DICOMwebClient, name: str) -> None:
    dataset = fresh(name)
    client.store_instances([dataset])
    media_types = (("application/dicom", "1.2.840.10008.1.2.1"),)
    got = client.retrieve_instance(*address(dataset), media_types=media_types)
    assert got.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(got.pixel_array, dataset.pixel_array)


def test_compressed_instances_as_stored_and_decompressed(client: DICOMwebClient) -> None:
    dataset = fresh("MR_small_jp2klossless.dcm")
    client.store_instances([dataset])
    for syntax in ("*", "1.2.840.10008.1.2.4.90"):
        got = client.retrieve_instance(*address(dataset), media_types=(("application/dicom", syntax),))
        assert got.PixelData == dataset.PixelData
    got = client.retrieve_instance(*address(dataset), media_types=("application/dicom",))
    assert got.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(got.pixel_array, dataset.pixel_array)


def test_metadata_at_three_levels(client: DICOMwebClient) -> None:
    datasets = read(*samples.series(2))
    client.store_instances(datasets)
    study, series, instance = address(datasets[0])
    assert len(client.retrieve_study_metadata(study)) == 2
    assert len(client.retrieve_series_metadata(study, series)) == 2
    document = client.retrieve_instance_metadata(study, series, instance)
    reread = pydicom.Dataset.from_json(
        document, bulk_data_uri_handler=lambda uri: bytes(client.retrieve_bulkdata(uri)[0])
    )
    assert reread.PixelData == datasets[0].PixelData
    assert reread.PatientName == datasets[0].PatientName


# Frames and bulk data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3], [2, 10]])
def test_frames_of_native_images(client: DICOMwebClient, numbers: list[int]) -> None:
    dataset = fresh("emri_small.dcm")
    client.store_instances([dataset])
    expected = [dataset.pixel_array[number - 1].tobytes() for number in numbers]
    for media_types in (
        None,
        ("application/octet-stream",),
        (("application/octet-stream", "1.2.840.10008.1.2.1"),),
        ("*/*",),
    ):
        assert client.retrieve_instance_frames(*address(dataset), numbers, media_types=media_types) == expected
    assert list(client.iter_instance_frames(*address(dataset), numbers)) == expected


@pytest.mark.parametrize(
    ("name", "media_type", "syntax"),
    [
        ("emri_small_jpeg_2k_lossless.dcm", "image/jp2", "1.2.840.10008.1.2.4.90"),
        ("emri_small_jpeg_ls_lossless.dcm", "image/jls", "1.2.840.10008.1.2.4.80"),
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("emri_small_RLE.dcm", "image/x-dicom-rle", "1.2.840.10008.1.2.5"),
    ],
)
def test_frames_of_compressed_images(client: DICOMwebClient, name: str, media_type: str, syntax: str) -> None:
    dataset = fresh(name)
    client.store_instances([dataset])
    expected = frames_of(dataset_of(samples.sample(name)))
    numbers = list(range(1, len(expected) + 1))
    wanted = [None, ("*/*",)]
    if media_type != "image/x-dicom-rle":
        wanted += [(media_type,), ((media_type, syntax),), ((media_type, "*"),), ("image/*",)]
    for media_types in wanted:
        got = client.retrieve_instance_frames(*address(dataset), numbers, media_types=media_types)
        assert [frame.rstrip(b"\0") for frame in got] == [frame.rstrip(b"\0") for frame in expected]
    (native,) = client.retrieve_instance_frames(*address(dataset), [1], media_types=("application/octet-stream",))
    pixels = dataset.pixel_array if len(expected) == 1 else dataset.pixel_array[0]
    assert native.rstrip(b"\0") == pixels.tobytes().rstrip(b"\0")


def test_frames_out_of_range_are_404(client: DICOMwebClient) -> None:
    dataset = fresh("emri_small.dcm")
    client.store_instances([dataset])
    with pytest.raises(HTTPError, match="404"):
        client.retrieve_instance_frames(*address(dataset), [11])


def test_bulk_data(client: DICOMwebClient) -> None:
    dataset = fresh("CT_small.dcm")
    client.store_instances([dataset])
    uri = client.retrieve_instance_metadata(*address(dataset))["7FE00010"]["BulkDataURI"]
    for media_types in (None, ("application/octet-stream",)):
        assert client.retrieve_bulkdata(uri, media_types=media_types) == [dataset.PixelData]
    assert list(client.iter_bulkdata(uri)) == [dataset.PixelData]
