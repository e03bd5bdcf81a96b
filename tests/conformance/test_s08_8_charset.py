"""PS3.18 8.8: the character set of text answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lxml import etree
from tests.conformance.shelf import open_shelf
from tests.payloads import parts_of, storable

from filmjacket.web.charset_choice import CHARSETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.shelf import StoredFile

XML = "application/dicom+xml"
NAMESPACE = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredFile]:
    """A patient with a name in three scripts."""
    with open_shelf(tmp_path_factory.mktemp("shelf") / "archive") as opened:
        yield opened.store(storable("chrH31.dcm"))


def family_names(document: bytes) -> list[str]:
    return etree.fromstring(document).xpath("//n:DicomAttribute[@keyword='PatientName']//n:FamilyName/text()",
                                            namespaces=NAMESPACE)  # fmt: skip


@pytest.mark.parametrize("name", [charset.name for charset in CHARSETS])
def test_xml_can_be_had_in_every_charset_of_the_table_without_loss(stored: StoredFile, name: str) -> None:
    answer = stored.get("/metadata", XML, **{"Accept-Charset": name})
    assert answer.status_code == 200
    expected = XML if name == "UTF-8" else f"{XML}; charset={name}"
    assert answer.headers["content-type"] == expected
    assert answer.content.startswith(f'<?xml version="1.0" encoding="{name}"?>'.encode())
    assert family_names(answer.content) == ["Yamada", "山田", "やまだ"]


@pytest.mark.parametrize("name", ["ISO-8859-5", "ISO-2022-JP"])
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_search_results_in_xml_have_the_charset_too(stored: StoredFile, level: str, name: str) -> None:
    for query, header in (("", name), (f"?charset={name}", "*")):
        wanted = {"Accept": f'multipart/related; type="{XML}"', "Accept-Charset": header}
        (part,) = parts_of(stored.client.get(f"/dicom-web/{level}{query}", headers=wanted))
        assert part.content_type == (XML, {"charset": name})
        assert part.body.startswith(f'<?xml version="1.0" encoding="{name}"?>'.encode())


@pytest.mark.parametrize("term", [alias for charset in CHARSETS for alias in charset.aliases if "ir" in alias])
def test_defined_terms_of_dicom_are_names_too(stored: StoredFile, term: str) -> None:
    named = next(charset.name for charset in CHARSETS if term in charset.aliases)
    answer = stored.get("/metadata", XML, **{"Accept-Charset": f'"{term.upper()}"'})
    assert f'encoding="{named}"'.encode() in answer.content[:60]


@pytest.mark.parametrize(
    ("accept", "query", "header", "expected"),
    [
        (f"{XML};charset=iso-8859-2", "?charset=iso-8859-3", "iso-8859-4", "ISO-8859-2"),
        (f"{XML};charset=klingon", "?charset=iso-8859-3", "iso-8859-4", "ISO-8859-3"),
        (XML, "?charset=klingon", "iso-8859-4", "ISO-8859-4"),
        (XML, "?charset=iso-8859-3;q=0.4,iso-8859-5", None, "ISO-8859-5"),
        (XML, "?charset=%22ISO_IR%20144%22", None, "ISO-8859-5"),
        (XML, "", "iso-8859-1;q=0.2, gb18030;q=0.8", "GB18030"),
        (XML, "", "iso-8859-1;q=0", "UTF-8"),
        (XML, "", "utf-8;q=0, iso-8859-15", "ISO-8859-15"),
        (XML, "", "klingon", "UTF-8"),
        (XML, "", "*", "UTF-8"),
        (XML, "", ";;,=,", "UTF-8"),
        (XML, "", None, "UTF-8"),
        (f'{XML};charset="utf-8"', "", "iso-8859-1", "UTF-8"),
    ],
)
def test_order_of_the_sources(stored: StoredFile, accept: str, query: str, header: str | None, expected: str) -> None:
    """8.8.3: media type parameter, query parameter, header; unsupported values are ignored."""
    headers = {} if header is None else {"Accept-Charset": header}
    answer = stored.get("/metadata" + query, accept, **headers)
    assert answer.status_code == 200
    assert f'encoding="{expected}"'.encode() in answer.content[:60]


def test_parts_say_their_charset(stored: StoredFile) -> None:
    answer = stored.client.get(
        stored.series + "/metadata",
        headers={"Accept": f'multipart/related; type="{XML}"; charset=iso-8859-1'},
    )
    (part,) = parts_of(answer)
    assert part.content_type == (XML, {"charset": "ISO-8859-1"})
    assert family_names(part.body) == ["Yamada", "山田", "やまだ"]


@pytest.mark.parametrize("header", ["iso-8859-1", "iso-8859-1, utf-8;q=0.1", "*;q=0, utf-8", "utf8", "klingon"])
def test_json_is_utf8_whatever_is_asked_for(stored: StoredFile, header: str) -> None:
    answer = stored.get("/metadata", "application/dicom+json; charset=iso-8859-1", **{"Accept-Charset": header})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert "山田" in answer.content.decode()


@pytest.mark.parametrize(
    ("accept", "header"),
    [
        ("application/dicom+json", "utf-8;q=0"),
        ("application/dicom+json", "iso-8859-1, utf-8;q=0"),
        ("application/dicom+json", "iso-8859-1, *;q=0"),
        (XML, "utf-8;q=0"),
        (XML, "klingon, *;q=0"),
    ],
)
def test_406_only_where_utf8_is_excluded(stored: StoredFile, accept: str, header: str) -> None:
    answer = stored.get("/metadata", accept, **{"Accept-Charset": header})
    assert answer.status_code == 406
    assert answer.headers["vary"] == "Accept, Accept-Charset, Accept-Encoding"
    if accept == "application/dicom+json":
        assert (answer.json()["offender"], answer.json()["accepted"]) == ("Accept-Charset", ["UTF-8"])
