"""Query strings and payloads of the Worklist service (PS3.18 chapter 11)."""

from __future__ import annotations

import pytest

from filmjacket.errors import BadRequest, FilmjacketError, UnsupportedMediaType
from filmjacket.web.workitem_grammar import (
    parse_ae_title,
    parse_subscription,
    parse_workitem_search,
    payload_type,
    read_data_set,
    requester_of,
    transaction_of,
    workitem_of,
)


@pytest.mark.parametrize(
    ("query", "uid"),
    [
        (b"", None),
        (b"foo=bar", None),
        (b"Workitem=1.2", None),
        (b"workitem=1.2", "1.2"),
        (b"AffectedSOPInstanceUID=1.2", "1.2"),
        (b"1.2", "1.2"),
        (b"1.2=", "1.2"),
        (b"1.2=x", None),
        (b"workitem=1.2&1.2&foo", "1.2"),
        (b"workitem=1%2E2", "1.2"),
        (b"1.02.3", "1.02.3"),
    ],
)
def test_uid_of_a_new_workitem(query: bytes, uid: str | None) -> None:
    assert workitem_of(query) == uid


@pytest.mark.parametrize("query", [b"workitem=", b"workitem=x", b"workitem=1.2&1.3", b"workitem=%zz", b"workitem=%ff",
                                   b"workitem=" + b"1" * 65])  # fmt: skip
def test_what_is_no_uid(query: bytes) -> None:
    with pytest.raises(BadRequest):
        workitem_of(query)


@pytest.mark.parametrize(
    ("query", "uid"),
    [
        (b"Transaction-uid=1.2", "1.2"),
        (b"transaction-uid=1.2", "1.2"),
        (b"transaction=1.2", "1.2"),
        (b"1.2", "1.2"),
        (b"TRANSACTION-UID=1.2", None),
        (b"workitem=1.3", None),
    ],
)
def test_transaction_uid(query: bytes, uid: str | None) -> None:
    assert transaction_of(query) == uid


@pytest.mark.parametrize(
    ("query", "suffix", "requester"),
    [
        (b"", None, None),
        (b"requester=RIS", None, "RIS"),
        (b"requester=%20RIS%20A%20", None, "RIS A"),
        (b"", "AI", "AI"),
        (b"requester=RIS", "AI", "RIS"),
        (b"requester=RIS&requester=RIS", None, "RIS"),
    ],
)
def test_requester(query: bytes, suffix: str | None, requester: str | None) -> None:
    assert requester_of(query, suffix) == requester


def test_requester_is_said_once() -> None:
    with pytest.raises(BadRequest):
        requester_of(b"requester=A&requester=B", None)


@pytest.mark.parametrize("text", ["", "   ", "A" * 17, "A\\B", "A\tB", "Ä", "A\x7f"])
def test_what_is_no_ae_title(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_ae_title(text, "aetitle")
    assert (text.strip() or "?") not in refused.value.message


def test_the_longest_ae_title() -> None:
    assert parse_ae_title("  " + "A" * 16 + " ", "aetitle") == "A" * 16


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"filter=00741000%3DSCHEDULED", "00741000=SCHEDULED"),
        (b"filter=00741000=SCHEDULED", "00741000=SCHEDULED"),
        (b"filter=A00%3D1", None),
        (b"filter=PatientID%3D1%2CPatientSex%3DF", "PatientID=1&PatientSex=F"),
        (b"filter=StudyInstanceUID%3D1.2%2C1.3", "StudyInstanceUID=1.2,1.3"),
        (b"filter=PatientID%3Da%2526b", "PatientID=a%26b"),
        (b"filter=PatientID%3Da%26b", "PatientID=a%26b"),
        (b"filter=PatientID%3D5%25", "PatientID=5%25"),
        (b"PatientID=1&PatientSex=F&foo=bar", "PatientID=1&PatientSex=F"),
        (b"PatientName=x&fuzzymatching=true", "PatientName=x&fuzzymatching=true"),
        (b"filter=PatientID%3D1&PatientSex=F", "PatientID=1&PatientSex=F"),
    ],
)
def test_filters(query: bytes, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(BadRequest):
            parse_subscription(query, filtered=True)
        return
    asked = parse_subscription(query, filtered=True)
    assert (asked.filter, asked.deletion_lock) == (kept, False)
    assert parse_workitem_search(asked.filter).keys


def test_a_filter_matches_what_was_meant() -> None:
    asked = parse_subscription(b"filter=PatientID%3Da%2526b%252Cc%2CPatientSex%3DF", filtered=True)
    keys = {key.tag: key.values for key in parse_workitem_search(asked.filter).keys}
    assert keys == {"00100020": ("a&b,c",), "00100040": ("F",)}


@pytest.mark.parametrize(
    "query", ["00081195=1.2", "TransactionUID=", "00741216.00081195=1.2", "00404025.00404009.00081195=1"]
)
def test_the_lock_is_no_key(query: str) -> None:
    with pytest.raises(BadRequest):
        parse_workitem_search(query)
    with pytest.raises(BadRequest):
        parse_subscription(query.encode(), filtered=True)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/dicom", "multipart/form-data"])
def test_types_that_are_not_read(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        payload_type(content_type)


@pytest.mark.parametrize(
    ("content_type", "payload"),
    [
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b\r\n\r\n{}\r\n--b\r\n\r\n{}\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\nContent-Type: image/png\r\n\r\n{}\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b--"),
        ("application/dicom+json", b"[]"),
        ("application/dicom+json", b'{"00100020": 1}'),
        ("application/dicom+xml", b"{}"),
    ],
)
def test_payloads_that_cannot_be_read(content_type: str, payload: bytes) -> None:
    media_type = payload_type(content_type)
    with pytest.raises(FilmjacketError) as refused:
        read_data_set(media_type, payload)
    assert refused.value.status in {400, 415}


def test_the_part_says_what_it_is() -> None:
    media_type = payload_type("multipart/related; boundary=b")
    payload = b"--b\r\nContent-Type: application/dicom+json\r\n\r\n[{}]\r\n--b--"
    assert read_data_set(media_type, payload) == {}
