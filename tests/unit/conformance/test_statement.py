"""The conformance statement: order of PS3.2 Annex N, every setting and every row of the register in it."""

from __future__ import annotations

import re

import pytest

from filmjacket.conformance.document import Contents, Document, Figure, Table
from filmjacket.conformance.register import NOT_SUPPORTED, operations
from filmjacket.conformance.statement import conformance_statement
from filmjacket.conformance.statement_overview import CHARACTER_SETS
from filmjacket.conformance.store_reasons import CONDITIONS, reasons
from filmjacket.dicom.charset import charset_of
from filmjacket.dicom.sop_classes import storage_classes
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.settings import Settings, describe_settings
from filmjacket.web import status
from filmjacket.web.query import Level

ORDER = """1 Overview|1.1 Content and Transfer|1.2 DIMSE Services|1.3 DICOM Web Services|1.4 DICOM Media Services
1.5 Real-Time Video Services|1.6 De-identification Profiles|1.7 Character Sets|2 Table of Contents|3 Introduction
3.1 Revision History|4 Implementation Model|5.1 Mapping of Services to Application Entities|5.2 DIMSE Services
5.3 DICOM Web Services|5.3.1 URI Service|5.3.2 Studies Service|5.3.3 Worklist Service
5.3.4 Non-Patient Instance Service|5.3.5 Notification Service|5.3.6 Storage Commitment Service
5.3.7 Modality Scheduled Procedure Step Service|5.3.8 Modality Performed Procedure Step Service
5.6 Cross-Service Behaviour|5.7 Character Sets|6 Configuration|6.1 General Parameters|6.3.2 Studies Service
7.3.3 Web Services Status Codes|8 Security|8.2 External Network Protocols|8.6 Web Services Security Features
Annex A Information Object Definitions|Annex E Code Sets""".replace("\n", "|").split("|")


@pytest.fixture(scope="module")
def document() -> Document:
    return conformance_statement(Settings(), date="2026-11-22")


def tables(document: Document) -> list[Table]:
    return [block for section in document.walk() for block in section.blocks if isinstance(block, Table)]


def words(document: Document) -> str:
    return repr(document)


def test_order_of_annex_n(document: Document) -> None:
    headings = [section.heading for section in document.walk()]
    assert [heading for heading in headings if heading in ORDER] == ORDER
    numbers = [section.number for section in document.walk()]
    assert len(numbers) == len(set(numbers))


def test_sections_are_inside_those_of_their_number(document: Document) -> None:
    for section in document.walk():
        for below in section.sections:
            assert below.number.rpartition(".")[0] == section.number


def test_tables_are_rectangular_and_not_empty(document: Document) -> None:
    found = tables(document)
    captions = [table.caption.partition(":")[0] for table in found]
    assert len(captions) == len(set(captions))
    for table in found:
        assert table.rows, table.caption
        assert {len(row) for row in table.rows} == {len(table.head)}, table.caption
        assert len(table.widths) == len(table.head)
        assert sum(table.widths) == pytest.approx(1.0, abs=0.021), table.caption


def test_there_are_contents_and_a_figure(document: Document) -> None:
    kinds = [type(block) for section in document.walk() for block in section.blocks]
    assert kinds.count(Contents) == 1
    assert Figure in kinds


def test_every_setting_is_there_with_its_default(document: Document) -> None:
    rows = {row[0]: row for table in tables(document) if table.head[0] == "Parameter" for row in table.rows}
    for row in describe_settings():
        assert rows[f"`{row.name}`"][2] == (row.default or "unset")


def test_values_in_force_are_shown_but_not_secret_ones() -> None:
    settings = Settings(edition="2024", database="postgresql://u:pass4711@h/d", data="/private/place", port=9999)
    text = words(conformance_statement(settings, date="2026-11-22"))
    assert "pass4711" not in text
    assert "/private/place" not in text
    assert "9999" in text
    assert "204 without content" in text
    assert "204 without content (edition" not in words(conformance_statement(Settings(), date="2026-11-22"))


def test_every_resource_parameter_and_media_type_is_there(document: Document) -> None:
    text = words(document)
    for transaction, resource in operations().values():
        assert f"`{resource.template}`" in text
        for parameter in resource.parameters:
            assert f"`{parameter.name}`" in text
        for header in (*transaction.request_headers, *transaction.response_headers):
            assert f"`{header.name}`" in text


def test_every_transfer_syntax_and_sop_class_is_there(document: Document) -> None:
    text = words(document)
    assert all(f"'{uid}'" in text for uid in TRANSFER_SYNTAXES)
    classes = next(table for table in tables(document) if table.caption.startswith("Table 1-1"))
    assert len(classes.rows) > 150
    assert {row[1] for row in classes.rows} <= set(storage_classes())


def test_what_is_not_supported_is_said_to_be_so(document: Document) -> None:
    text = words(document)
    of_services = {row.section for row in NOT_SUPPORTED} & {"11", "12", "13", "14", "15", "8.10"}
    assert not of_services  # every service of PS3.18 is there
    assert "WADO-WS (SOAP) is retired and absent" in text


@pytest.mark.parametrize("term", [row[0] for row in CHARACTER_SETS])
def test_every_character_set_is_known_to_the_reader(term: str) -> None:
    charset = charset_of(["", term] if "2022" in term else [term])
    assert term in charset.terms
    assert not charset.warnings


def test_every_store_reason_has_its_condition() -> None:
    names = {name for name, value in vars(status).items() if name.isupper() and isinstance(value, int)}
    assert names == set(CONDITIONS)
    assert {row.code for row in reasons()} == {getattr(status, name) for name in names}


def test_search_attributes_of_every_level(document: Document) -> None:
    for level in Level:
        table = next(table for table in tables(document) if f"of the {level} level" in table.caption)
        assert all(re.fullmatch(r"\([0-9A-F]{4},[0-9A-F]{4}\)(\.[0-9A-F]{8})?", row[1]) for row in table.rows)
        assert [row for row in table.rows if row[3] == "U"]


def test_base_url_is_the_configured_or_the_given_one() -> None:
    settings = Settings(public_url="https://pacs.example.org", base_path="/web")
    assert "https://pacs.example.org/web" in words(conformance_statement(settings, date=""))
    assert "https://other/x" in words(conformance_statement(settings, date="", base_url="https://other/x"))
