"""Chapter 5 of the conformance statement: the services in detail (PS3.2 N.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from filmjacket.conformance.declarations import Obligation
from filmjacket.conformance.document import Bullets, Paragraph, Section, Table
from filmjacket.conformance.register import CAPABILITIES, DESCRIPTION, REGISTER, spelled
from filmjacket.conformance.search_attributes import attributes_of
from filmjacket.conformance.statement_configuration import section_of
from filmjacket.conformance.statement_non_patient import commitment_blocks, non_patient_blocks
from filmjacket.conformance.statement_overview import NOT_APPLICABLE, SERVICE_SECTIONS, character_sets, service_of
from filmjacket.conformance.statement_procedures import performed_blocks, scheduled_blocks
from filmjacket.conformance.statement_texts import BEHAVIOUR
from filmjacket.conformance.statement_workflow import notification_blocks, worklist_blocks
from filmjacket.conformance.studies import STUDIES
from filmjacket.conformance.uri_service import URI_SERVICE
from filmjacket.dicom.levels import Level
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind
from filmjacket.web.media_types import MULTIPART_RELATED

if TYPE_CHECKING:
    from filmjacket.conformance.declarations import Header, Service, Transaction
    from filmjacket.conformance.document import Block
    from filmjacket.settings import Settings

THREE: Final = (0.26, 0.34, 0.40)
RENDERED: Final = re.compile("/(rendered|thumbnail)")


def services(settings: Settings) -> Section:
    """N.5."""
    return Section(
        "5",
        "Service and Interoperability Description",
        (),
        (
            Section(
                "5.1",
                "Mapping of Services to Application Entities",
                (
                    Table(
                        "Table 5-1: Services of application entities",
                        ("Application Entity", "Service", "Role"),
                        tuple(
                            ("FILMJACKET", row.name, "Web Origin Server") for row in REGISTER if row.section != "8.9"
                        ),
                        (0.3, 0.4, 0.3),
                    ),
                ),
            ),
            Section("5.2", "DIMSE Services", NOT_APPLICABLE),
            Section("5.3", "DICOM Web Services", (), _web_services(settings)),
            Section("5.4", "Media Services", NOT_APPLICABLE),
            Section("5.5", "Real-Time Video Services", NOT_APPLICABLE),
            Section("5.6", "Cross-Service Behaviour", (Bullets(BEHAVIOUR["cross-service"]),)),
            Section("5.7", "Character Sets", _character_sets()),
        ),
    )


def _web_services(settings: Settings) -> tuple[Section, ...]:
    sections: list[Section] = []
    for number, title, chapter in SERVICE_SECTIONS:
        if chapter == "9":
            sections.append(_uri(f"5.3.{number}", title))
        elif chapter == "10":
            sections.append(_studies(f"5.3.{number}", title, settings))
        else:
            shift = number if int(number) < 5 else str(int(number) + 1)  # N.5.3.5 is Notification
            sections.append(_service(f"5.3.{shift}", title, service_of(chapter), settings))
    sections.insert(4, _service("5.3.5", "Notification Service", service_of("8.10"), settings))
    common = (
        _transaction("5.3.9.1", CAPABILITIES, "5-9"),
        _transaction("5.3.9.2", DESCRIPTION, "5-10"),
    )
    return (*sections, Section("5.3.9", "Common Transactions", (Paragraph(BEHAVIOUR["common"][0]),), common))


def _uri(number: str, title: str) -> Section:
    (retrieve,) = URI_SERVICE.transactions
    role = Paragraph("The role is Origin Server. Both transactions, 9.4 and 9.5, have the same URL.")
    return Section(number, title, (role,), (_transaction(f"{number}.1", retrieve, "5-13", Bullets(BEHAVIOUR["uri"])),))


def _studies(number: str, title: str, settings: Settings) -> Section:
    retrieve, store, search, *others = STUDIES.transactions
    return Section(
        number,
        title,
        (Paragraph("The role is Origin Server, native: the service is no proxy in front of DIMSE services."),),
        (
            Section(f"{number}.1", "Compressed Bulk Data Media Types", (_compressed(),)),
            Section(f"{number}.2", "Rendered Media Types", (_rendered(),)),
            _transaction(f"{number}.3", retrieve, "5-3", Bullets(BEHAVIOUR["retrieve"])),
            _transaction(f"{number}.4", store, "5-4", Bullets((*BEHAVIOUR["store"], _duplicates(settings)))),
            _transaction(f"{number}.5", search, "5-5", Bullets((*BEHAVIOUR["search"], _empty(settings))),
                         *map(_attributes, Level)),
            *(_transaction(f"{number}.{6 + place}", row, f"5-{6 + place}", Bullets(BEHAVIOUR["delete"]))
              for place, row in enumerate(others)),
        ),
    )  # fmt: skip


def _service(number: str, title: str, service: Service, settings: Settings) -> Section:
    """A service as the register has it, with what no table of the register says."""
    transactions = tuple(
        _transaction(f"{number}.{place}", row, f"5-{service.section}.{place}")
        for place, row in enumerate(service.transactions, 1)
    )
    role = Paragraph(f"The role is Origin Server. {service.summary}")
    return Section(number, title, (role, *_extra_blocks(service.section, settings)), transactions)


def _extra_blocks(chapter: str, settings: Settings) -> tuple[Block, ...]:
    match chapter:
        case "8.10":
            return notification_blocks(settings)
        case "11":
            return worklist_blocks(settings)
        case "12":
            return non_patient_blocks()
        case "13":
            return commitment_blocks()
        case "14":
            return scheduled_blocks()
        case _:
            return performed_blocks()


def _duplicates(settings: Settings) -> str:
    return {
        "keep": "An instance that comes again with other content is not stored; the first is kept, Warning B006H.",
        "replace": "An instance that comes again with other content replaces the stored one.",
        "reject": "An instance that comes again with other content is refused, failure 0111H.",
    }[settings.duplicates.value]


def _empty(settings: Settings) -> str:
    answer = "204 without content" if settings.edition.value == "2024" else "200 with an empty array"
    return f"A search without matches is answered with {answer} (edition {settings.edition.value})."


def _compressed() -> Table:
    rows = tuple(
        (_category(row.kind), f"`{row.media_type}`", row.uid, row.name, "N", "Y")
        for row in TRANSFER_SYNTAXES.values()
        if row.encapsulated and row.media_type and row.kind is not Kind.UNCOMPRESSED
    )
    head = ("Category", "Media Type", "Transfer Syntax UID", "Transfer Syntax Name", "UA", "OS")
    return Table("Table 5-2: Compressed bulk data media types", head, rows, (0.14, 0.2, 0.22, 0.34, 0.05, 0.05))


def _rendered() -> Table:
    """Media types of pictures and documents, and the resources that have them (N.5-71)."""
    having: dict[tuple[str, ...], list[str]] = {}
    for row in STUDIES.transactions[0].resources:
        if RENDERED.search(row.template):
            types = tuple(dict.fromkeys(offer.media_type for offer in row.offers if not offer.multipart))
            having.setdefault(types, []).append(row.template)
    rows = tuple(
        (", ".join(f"`{name}`" for name in types), ", ".join(f"`{name}`" for name in templates), "N", "Y")
        for types, templates in having.items()
    )
    head = ("Media Types, the default first; several items in multipart/related", "Resources", "UA", "OS")
    return Table("Table 5-2.1: Rendered media types", head, rows, (0.4, 0.5, 0.05, 0.05))


def _category(kind: Kind) -> str:
    return "Video" if kind in {Kind.MPEG2, Kind.H264, Kind.H265} else "Image"


def _transaction(number: str, transaction: Transaction, table: str, *behaviour: Block) -> Section:
    text = f"{transaction.summary} PS3.18 {transaction.section}."
    if transaction.obligation is Obligation.EXTENSION:
        text += " An extension of this server."
    switches = dict.fromkeys(row.switch for row in transaction.resources if row.switch)
    for switch in switches:
        text += f" There only when `{switch}` is true: see {section_of(switch)}."
    blocks: list[Block] = [Paragraph(text), _resources(transaction, table)]
    if transaction.payloads:
        payloads = tuple((f"`{row.media_type}`", row.comment) for row in transaction.payloads)
        blocks.append(
            Table(f"Table {table}b: Payloads that are taken", ("Media Type", "Comments"), payloads, (0.6, 0.4))
        )
    if transaction.parameters:
        blocks.append(_parameters(transaction, table))
    blocks += [
        _headers(transaction.request_headers, f"Table {table}d: Header fields of requests"),
        _headers(transaction.response_headers, f"Table {table}e: Header fields of responses"),
        *behaviour,
    ]
    filled = tuple(block for block in blocks if not isinstance(block, Table) or block.rows)
    return Section(number, f"{transaction.name} Transaction", filled)


def _resources(transaction: Transaction, table: str) -> Table:
    rows: list[tuple[str, str, str]] = []
    for row in transaction.resources:
        types = list(dict.fromkeys(spelled(offer).partition("; transfer-syntax")[0] for offer in row.offers))
        text = ", ".join(f"`{media_type}`" for media_type in _short(types))
        comment = row.summary + (f" ({row.obligation.words})" if row.obligation is not Obligation.MANDATORY else "")
        rows.append((f"{row.method} `{row.template}`", text, comment))
    head = ("Resource", "Media Types, the default first", "Comments")
    return Table(f"Table {table}a: Resources", head, tuple(rows), (0.40, 0.36, 0.24))


def _short(types: list[str]) -> list[str]:
    """Many types of one form are named by their table."""
    if len(types) <= 4:
        return types
    forms = [types[0], *(("application/octet-stream",) if "application/octet-stream" in types else ())]
    single = any(not media_type.startswith(MULTIPART_RELATED) for media_type in types)
    return [*forms, "those of Table 5-2" + (", single part for one item" if single else ", multipart")]


def _parameters(transaction: Transaction, table: str) -> Table:
    rows = tuple(
        (
            f"`{row.name}`",
            row.values,
            " ".join(filter(None, (row.comment, _applies(transaction, row.name), f"PS3.18 {row.section}."))),
        )
        for row in transaction.parameters
    )
    head = ("Query Parameter", "Supported Values", "Comments")
    return Table(f"Table {table}c: Query parameters", head, rows, THREE)


def _applies(transaction: Transaction, name: str) -> str:
    having = [row for row in transaction.resources if any(name == parameter.name for parameter in row.parameters)]
    if len(having) == len(transaction.resources):
        return ""
    return "On " + ", ".join(f"`{row.template}`" for row in having) + "."


def _headers(headers: tuple[Header, ...], caption: str) -> Table:
    rows = tuple((f"`{row.name}`", row.values, f"{row.comment} {row.section}.".strip()) for row in headers)
    return Table(caption, ("Header Field", "Supported Values", "Comments"), rows, THREE)


def _attributes(level: Level) -> Table:
    rows = tuple(
        (row.keyword, f"({row.tag[:4]},{row.tag[4:8]})" + row.tag[8:], row.vr, row.matching, row.returned)
        for row in attributes_of(level)
    )
    head = ("Attribute Name", "Tag", "VR", "Matching Key", "Return Key")
    name = f"Table 5-5 {level}: Search attributes of the {level} level (U unique, R required, C if known, O optional)"
    return Table(name, head, rows, (0.46, 0.24, 0.08, 0.11, 0.11))


def _character_sets() -> tuple[Block, ...]:
    return (
        Paragraph(BEHAVIOUR["character sets"][0]),
        character_sets("Table 5-11: Incoming character sets"),
        Table(
            "Table 5-12: Outgoing character sets",
            ("Defined Term", "IANA", "Situation"),
            (
                ("ISO_IR 192", "UTF-8", "Metadata, search results, responses"),
                ("as stored", "as stored", "Instances, which keep theirs"),
            ),
            (0.3, 0.2, 0.5),
        ),
    )
