"""Real DICOM files for tests: those that the packages `pydicom` and `pydicom-data` carry."""

from __future__ import annotations

import io
import secrets
from functools import cache
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

BOUNDARY = "filmjacket test boundary"


@cache
def sample(name: str) -> bytes:
    """The bytes of one bundled file, e.g. `CT_small.dcm`."""
    path = get_testdata_file(name, download=False)
    if path is None:
        raise FileNotFoundError(name)
    return Path(str(path)).read_bytes()


def variant(name: str, **changes: object) -> bytes:
    """A bundled file with some attributes set (`None` deletes one); the file meta follows the SOP Instance UID."""
    dataset = pydicom.dcmread(io.BytesIO(sample(name)))
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def series(count: int, name: str = "CT_small.dcm", **changes: object) -> list[bytes]:
    """`count` instances of one new series of one new study."""
    changes = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()} | changes
    return [variant(name, SOPInstanceUID=generate_uid(), InstanceNumber=n + 1, **changes) for n in range(count)]


def multipart(*files: bytes, media_type: str = "application/dicom") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a store request."""
    boundary = f"{BOUNDARY}-{secrets.token_hex(4)}"
    body = b"".join(
        b"--" + boundary.encode() + b"\r\nContent-Type: " + media_type.encode() + b"\r\n\r\n" + file + b"\r\n"
        for file in files
    )
    headers = {"Content-Type": f'multipart/related; type="{media_type}"; boundary="{boundary}"'}
    return body + b"--" + boundary.encode() + b"--\r\n", headers


def uids(file: bytes) -> tuple[str, str, str]:
    """(Study, Series, SOP) Instance UIDs of a file."""
    dataset = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True, force=True)
    return str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID)


def instance_path(file: bytes) -> str:
    """`/studies/.../instances/...` of a file."""
    study, series_uid, instance = uids(file)
    return f"/studies/{study}/series/{series_uid}/instances/{instance}"
