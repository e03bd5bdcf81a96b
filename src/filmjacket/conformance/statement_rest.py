"""Chapters 7 and 8 and the annexes of the conformance statement (PS3.2 N.7, N.8, Annexes A to E)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.conformance.document import Bullets, Paragraph, Section, Table
from filmjacket.conformance.editions import DIFFERENCES
from filmjacket.conformance.register import EVERYWHERE
from filmjacket.conformance.statement_overview import NOT_APPLICABLE, SECTIONS, service_of
from filmjacket.conformance.statement_texts import BEHAVIOUR
from filmjacket.conformance.store_reasons import reasons
from filmjacket.conformance.studies import STUDIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.declarations import Service, Status, Transaction
    from filmjacket.settings import Settings


def status_codes(settings: Settings) -> Section:
    """N.7: status codes of every transaction, service by service."""
    edition = settings.edition.value
    everywhere = _status_table("Table 7-1: All transactions, origin server", EVERYWHERE)
    sections = [Section("7.3.3.1", "All Transactions", (everywhere,))]
    for place, (_, title, chapter) in enumerate((*SECTIONS, ("", "Common Transactions", "8.9")), 2):
        of_service = _of_service(f"7.3.3.{place}", place, service_of(chapter), edition)
        sections.append(Section(f"7.3.3.{place}", title, (), tuple(of_service)))
    return Section(
        "7",
        "Network and Media Communication Details",
        (),
        (
            Section("7.1", "DIMSE Communication", NOT_APPLICABLE),
            Section("7.2", "Media", NOT_APPLICABLE),
            Section(
                "7.3",
                "Status Codes",
                (),
                (
                    Section("7.3.1", "DIMSE Status Codes", NOT_APPLICABLE),
                    Section("7.3.2", "Media Status Codes", NOT_APPLICABLE),
                    Section("7.3.3", "Web Services Status Codes", (), tuple(sections)),
                ),
            ),
        ),
    )


def _of_service(number: str, place: int, service: Service, edition: str) -> Iterator[Section]:
    count = len(service.transactions)
    for row, transaction in enumerate(service.transactions, 1):
        table = _status_table(f"Table 7-{place}.{row}: {transaction.name}, origin server",
                              _statuses(transaction, edition))  # fmt: skip
        yield Section(f"{number}.{row}", f"{transaction.name} Transaction as Origin Server", (table,))
    if service is STUDIES:
        codes = tuple((row.hexadecimal, str(row.code), row.kind, row.when) for row in reasons())
        caption = f"Table 7-{place}.{count + 1}: Failure and warning reasons of a store (PS3.18 Annex I)"
        table = Table(caption, ("Code", "Decimal", "Kind", "Condition"), codes, (0.12, 0.12, 0.12, 0.64))
        yield Section(f"{number}.{count + 1}", "Store Instances Response", (table,))


def _statuses(transaction: Transaction, edition: str) -> tuple[Status, ...]:
    rows = [row for resource in transaction.resources for row in transaction.statuses_of(resource, edition)]
    return tuple(sorted(dict.fromkeys(rows), key=lambda row: row.code))


def _status_table(caption: str, statuses: tuple[Status, ...]) -> Table:
    kinds = {2: "Success", 3: "Redirection", 4: "Failure", 5: "Failure"}
    rows = tuple((kinds[row.code // 100], str(row.code), row.condition) for row in statuses)
    return Table(caption, ("Status", "Code", "Condition"), rows, (0.16, 0.10, 0.74))


def security(settings: Settings) -> Section:
    """N.8: what the server does about security, and what is left to what is around it."""
    protocols = Table(
        "Table 8-1: External network protocols",
        ("Protocol Used", "RFC", "Security Support", "Comments"),
        (
            ("HTTP/1.1", "9110, 9112", "None", "TLS by a proxy"),
            ("HTTP/2", "9113", "None", "TLS by a proxy"),
            ("WebSocket", "6455", "None", "TLS by a proxy; Origin is checked against `cors_origins`"),
            (
                "HTTP/1.1, to targets of webhooks",
                "9110, 9112",
                "TLS",
                "HTTP without it only where `webhooks.allow_http`; bodies are signed",
            ),
        ),
        (0.2, 0.2, 0.25, 0.35),
    )
    ports = Table(
        "Table 8-2: Ports",
        ("Port", "Direction", "Use"),
        (
            (str(settings.port), "inbound", "HTTP: services, notification connections, health"),
            (", ".join(map(str, settings.webhooks.ports)), "outbound", "HTTP: webhooks, if there are any"),
        ),
        (0.2, 0.2, 0.6),
    )
    return Section(
        "8",
        "Security",
        (),
        (
            Section("8.1", "Introduction", (Paragraph("The archive holds identifying data of patients."),)),
            Section("8.2", "External Network Protocols", (protocols,)),
            Section("8.3", "TCP/IP Ports", (ports,)),
            Section("8.4", "Security Profiles", (Paragraph("N/A. No profile of PS3.15 is claimed."),)),
            Section("8.5", "Association Level Security", NOT_APPLICABLE),
            Section("8.6", "Web Services Security Features", (Bullets(BEHAVIOUR["security"]),)),
        ),
    )


ANNEX_A = (
    "N/A. No instances of the server's own are created. What leaves it in another transfer syntax, or without what "
    "tells who the patient is (anonymize of the URI Service), is the stored instance with the attributes changed that "
    "PS3.3 and PS3.15 say."
)


def annexes() -> tuple[Section, ...]:
    """Annexes A to E, and one for the editions of the standard."""
    rows = tuple((row.what, row.section, row.before, row.now, row.answer.value) for row in DIFFERENCES)
    editions = Table(
        "Table F-1: Editions of PS3.18",
        ("What", "Section", "Until 2024", "2026", "This product"),
        rows,
        (0.30, 0.14, 0.21, 0.21, 0.14),
    )
    return (
        Section("A", "Information Object Definitions", (Paragraph(ANNEX_A),)),
        Section("B", "Structured Report Content", NOT_APPLICABLE),
        Section("C", "Security Details", (Paragraph("N/A. See chapter 8."),)),
        Section("D", "Attribute Mapping", NOT_APPLICABLE),
        Section("E", "Code Sets", NOT_APPLICABLE),
        Section("F", "Editions of the Standard", (editions, Paragraph("WADO-WS (SOAP) is retired and absent."))),
    )
