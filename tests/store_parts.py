"""Payloads of metadata with bulk data parts, as clients send them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.uid import generate_uid

from filmjacket.dicom.xml_model import encode_native

if TYPE_CHECKING:
    from tests.conformance.wire import Answer

BOUNDARY = "a2-boundary"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"


@dataclass(frozen=True)
class Bulk:
    """One bulk data part."""

    body: bytes
    media_type: str = "application/octet-stream"
    location: str | None = "bulk"


def metadata(sop_class: str, **more: Any) -> dict[str, Any]:
    """A small data set with identifiers of its own; keywords are tags with a leading `t`."""
    attributes: dict[str, Any] = {
        "00080016": {"vr": "UI", "Value": [sop_class]},
        "00080018": {"vr": "UI", "Value": [generate_uid()]},
        "0020000D": {"vr": "UI", "Value": [generate_uid()]},
        "0020000E": {"vr": "UI", "Value": [generate_uid()]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Ünal", "Ideographic": "山田^太郎"}]},
        "00100020": {"vr": "LO", "Value": ["A2"]},
    }
    attributes.update({tag.removeprefix("t"): element for tag, element in more.items()})
    return attributes


def value(vr: str, *values: Any) -> dict[str, Any]:
    """An attribute object."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def pixels(uri: str = "bulk", vr: str = "OB") -> dict[str, Any]:
    """Pixel Data that refer to a part."""
    return {"vr": vr, "BulkDataURI": uri}


def payload(kind: str, data_sets: list[dict[str, Any]], *bulk: Bulk) -> tuple[bytes, dict[str, str]]:
    """Body and headers: one JSON array, or one XML part a data set, and then the bulk data parts."""
    documents = (
        [json.dumps(data_sets).encode()] if kind == DICOM_JSON else [bytes(encode_native(one)) for one in data_sets]
    )
    parts = [(f"Content-Type: {kind}", document) for document in documents]
    for part in bulk:
        location = f"\r\nContent-Location: {part.location}" if part.location is not None else ""
        parts.append((f"Content-Type: {part.media_type}{location}", part.body))
    body = b"".join(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{BOUNDARY}--\r\n".encode(), {
        "Content-Type": f'multipart/related; type="{kind}"; boundary={BOUNDARY}'
    }


def path_of(attributes: dict[str, Any]) -> str:
    """Path of the instance below the base path."""
    study, series, instance = (attributes[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    return f"/studies/{study}/series/{series}/instances/{instance}"


def comments(answer: Answer) -> list[str]:
    """Every Error Comment of a store's answer."""
    module = answer.json()
    return [
        comment["00000902"]["Value"][0]
        for sequence in ("00081198", "0008119A", "00081199")
        for item in module.get(sequence, {}).get("Value", [])
        for comment in item.get("00741048", {}).get("Value", [])
    ]
