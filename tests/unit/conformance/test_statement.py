"""The conformance statement: order of PS3.2 Annex N, every setting and every row of the register in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from filmjacket.archive.ups_events import EventType
from filmjacket.archive.worklist_records import State
from filmjacket.conformance.document import Contents, Document, Figure, Section, Table
from filmjacket.conformance.notifications import CONNECTIONS
from filmjacket.conformance.register import NOT_SUPPORTED, REGISTER, operations
from filmjacket.conformance.statement import conformance_statement
from filmjacket.conformance.statement_configuration import OF_SERVICE, section_of
from filmjacket.conformance.statement_overview import CHARACTER_SETS, SECTIONS, service_of
from filmjacket.conformance.store_reasons import CONDITIONS, reasons
from filmjacket.dicom.charset import charset_of
from filmjacket.dicom.sop_classes import storage_classes
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.http.routes import WEBSOCKETS
from filmjacket.services.worklist.attribute_table import rows_by_tag
from filmjacket.services.worklist.states import Event
from filmjacket.settings import Settings, describe_settings
from filmjacket.web import status
from filmjacket.web.query import Level

if TYPE_CHECKING:
    from filmjacket.settings.reference import SettingRow

ORDER = """1 Overview|1.1 Content and Transfer|1.2 DIMSE Services|1.3 DICOM Web Services|1.4 DICOM Media Services
1.5 Real-Time Video Services|1.6 De-identification Profiles|1.7 Character Sets|2 Table of Contents|3 Introduction
3.1 Revision History|4 Implementation Model|5.1 Mapping of Services to Application Entities|5.2 DIMSE Services
5.3 DICOM Web Services|5.3.1 URI Service|5.3.2 Studies Service|5.3.3 Worklist Service
5.3.4 Non-Patient Instance Service|5.3.5 Notification Service|5.3.6 Storage Commitment Service
5.3.7 Modality Scheduled Procedure Step Service|5.3.8 Modality Performed Procedure Step Service
5.6 Cross-Service Behaviour|5.7 Character Sets|6 Configuration|6.1 General Parameters|6.3.1 URI Service
6.3.2 Studies Service|6.3.3 Worklist Service|6.3.4 Non-Patient Instance Service|6.3.5 Storage Commitment Service
6.3.6 Modality Scheduled Procedure Step Service|6.3.7 Modality Performed Procedure Step Service
7.3.3 Web Services Status Codes|7.3.3.3 Studies Service|7.3.3.6 Storage Commitment Service|8 Security
8.2 External Network Protocols|8.6 Web Services Security Features
Annex A Information Object Definitions|Annex E Code Sets""".replace("\n", "|").split("|")


@pytest.fixture(scope="module")
def document() -> Document:
    return conformance_statement(Settings(), date="2026-11-22")


def tables(document: Document) -> list[Table]:
    return [block for section in document.walk() for block in section.blocks if isinstance(block, Table)]


def words(document: Document) -> str:
    return repr(document)


def section(document: Document, number: str) -> Section:
    return next(one for one in document.walk() if one.number == number)


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


NUMBERS = {"1.3": "12345678", "5.3": "12346785", "6.3": "12345678", "7.3.3": "23456789"}
"""Where Annex N has each service: N.5.3.5 is Notification, N.7.3.3.1 is about all of them."""
PLACES = [
    (f"{place}.{number}", title, chapter)
    for place, numbers in NUMBERS.items()
    for number, (_, title, chapter) in zip(numbers, SECTIONS, strict=True)
]


@pytest.mark.parametrize(("number", "title", "chapter"), PLACES)
def test_every_service_has_its_sections(document: Document, number: str, title: str, chapter: str) -> None:
    found = section(document, number)
    assert found.title == title
    text = repr(found)
    assert "N/A. This product has no part" not in text
    service = service_of(chapter)
    if not number.startswith("6.3"):
        assert all(transaction.name in text for transaction in service.transactions)
    elif chapter != "8.10":
        assert all(f"`/{row.template.split('/')[1]}`" in text for _, row in service.operations())


def test_no_service_of_the_register_is_left_out() -> None:
    assert {chapter for _, _, chapter in SECTIONS} | {"8.9"} == {service.section for service in REGISTER}


@pytest.mark.parametrize("row", describe_settings(), ids=lambda row: row.name)
def test_a_setting_stands_with_its_service(document: Document, row: SettingRow) -> None:
    assert f"'`{row.name}`'" in repr(section(document, section_of(row.name)))


def test_settings_of_services_are_where_one_looks_for_them() -> None:
    names = [row.name for row in describe_settings()]
    assert all(any(name.startswith(own) for name in names) for owns in OF_SERVICE.values() for own in owns)
    expected = {
        "worklist.label": "6.3.3",
        "commitment.hold": "6.3.5",
        "procedures.hide_started": "6.3.6",
        "procedures.strict": "6.3.7",
        "webhooks.ports": "6.3.8",
        "log.level": "6.1",
        "edition": "6.3.2",
    }
    assert {name: section_of(name) for name in expected} == expected


def test_every_connection_is_there(document: Document) -> None:
    assert {row.template for row in CONNECTIONS} == {template for template, _ in WEBSOCKETS}
    for number in ("1.3.8", "5.3.5", "6.3.8"):
        assert all(f"`{row.template}`" in repr(section(document, number)) for row in CONNECTIONS)


def test_events_states_and_attributes_of_workitems_are_there(document: Document) -> None:
    reports = next(table for table in tables(document) if table.caption.startswith("Table 5-8.10.B"))
    assert [row[0] for row in reports.rows] == [str(int(kind)) for kind in EventType]
    states = next(table for table in tables(document) if table.caption.startswith("Table 5-11.A"))
    assert [row[0] for row in states.rows] == [event.value for event in Event]
    assert states.head[2:] == tuple(state.value for state in State)
    attributes = next(table for table in tables(document) if table.caption.startswith("Table 5-11.B"))
    assert {f"({tag[:4]},{tag[4:]})" for tag in rows_by_tag()} <= {row[1] for row in attributes.rows}
    assert ("TransactionUID", "(0008,1195)", "2/2", "lock", "O", "-", "-") in attributes.rows


def test_the_worklist_is_described_as_it_is_set() -> None:
    changed = {"retention_days": 3, "deletion_locks": False, "requester_required": True, "other_patient_ids": True}
    settings = Settings(worklist=changed, notifications={"fallback_subscribers": ("RIS_7",), "queue_events": 17})
    said = conformance_statement(settings, date="")
    text = repr(section(said, "5.3.3"))
    for sentence in ("kept for 3 days", "locks are not granted", "AE title is refused", "does also look among"):
        assert sentence in text
        assert sentence not in repr(section(conformance_statement(Settings(), date=""), "5.3.3"))
    assert "`RIS_7`" in repr(section(said, "5.3.5"))
    assert "The last 17 reports" in repr(section(said, "5.3.5"))


def test_rendered_media_types_are_those_of_the_register(document: Document) -> None:
    text = repr(section(document, "5.3.2.2"))
    for _, resource in operations().values():
        if "/rendered" in resource.template:
            assert f"`{resource.template}`" in text
            assert all(f"`{offer.media_type}`" in text for offer in resource.offers)


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
