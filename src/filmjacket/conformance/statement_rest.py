"""Chapters 6 to 8 and the annexes of the conformance statement (PS3.2 N.6 to N.8, Annexes A to E)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from filmjacket.conformance.document import Bullets, Paragraph, Section, Table
from filmjacket.conformance.editions import DIFFERENCES
from filmjacket.conformance.register import EVERYWHERE, REGISTER
from filmjacket.conformance.statement_non_patient import configured
from filmjacket.conformance.statement_overview import NOT_APPLICABLE
from filmjacket.conformance.statement_texts import BEHAVIOUR
from filmjacket.conformance.store_reasons import reasons
from filmjacket.settings import describe_settings, effective_values

if TYPE_CHECKING:
    from filmjacket.conformance.declarations import Status, Transaction
    from filmjacket.settings import Settings

GENERAL: Final = ("data", "database", "server", "workers", "shutdown_seconds", "stage_memory_bytes",
                  "minimum_free_bytes", "log.", "lanes.")  # fmt: skip
"""Settings, or tables of them, that are about the process and not about the services."""
PRIVATE: Final = {"data", "database"}
"""Settings whose values are nobody's business outside."""
WIDTHS: Final = (0.22, 0.12, 0.16, 0.16, 0.34)
HEAD: Final = ("Parameter", "Configurable", "Default Value", "Value here", "Comments")


def configuration(settings: Settings, base_url: str) -> Section:
    """N.6: every setting with its default and the value in force."""
    general, web = _settings(settings)
    return Section(
        "6",
        "Configuration",
        (),
        (
            Section("6.1", "General Parameters", (Table("Table 6-1: General parameters", HEAD, general, WIDTHS),)),
            Section("6.2", "DIMSE Configuration", NOT_APPLICABLE),
            Section(
                "6.3",
                "Web Services Configuration",
                (),
                (
                    Section("6.3.1", "URI Service", NOT_APPLICABLE),
                    Section(
                        "6.3.2",
                        "Studies Service",
                        (
                            _local(settings, base_url),
                            Table("Table 6-3: Parameters of the services", HEAD, web, WIDTHS),
                            Paragraph("No remote systems are configured: the server does not call others."),
                        ),
                    ),
                    *(
                        Section(f"6.3.{number}", title, configured(str(number + 8), settings) or NOT_APPLICABLE)
                        for number, title in enumerate(
                            ("Worklist Service", "Non-Patient Instance Service", "Storage Commitment Service",
                             "Modality Scheduled Procedure Step Service", "Modality Performed Procedure Step Service"),
                            3,
                        )
                    ),
                ),
            ),
        ),
    )  # fmt: skip


def _settings(settings: Settings) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    values = effective_values(settings)
    general: list[tuple[str, ...]] = []
    web: list[tuple[str, ...]] = []
    for row in describe_settings():
        value = "not shown" if row.name in PRIVATE else values[row.name] or "unset"
        line = (f"`{row.name}`", "SERVICE", row.default or "unset", value, row.description)
        (general if row.name.startswith(GENERAL) else web).append(line)
    return tuple(general), tuple(web)


def _local(settings: Settings, base_url: str) -> Table:
    parts = urlsplit(base_url)
    secured = parts.scheme == "https"
    port = str(parts.port or (443 if secured else 80))
    rows = (
        ("Base URI", "SERVICE", "http://127.0.0.1:8104/dicom-web", "N/A" if secured else base_url, ""),
        ("Port", "SERVICE", "8104", "N/A" if secured else port, f"The server listens on port {settings.port}."),
        ("Secured Base URI", "SERVICE", "N/A", base_url if secured else "N/A", "Offered by a proxy, see 8.2."),
        ("Secured Port", "SERVICE", "N/A", port if secured else "N/A", ""),
    )
    return Table("Table 6-2: Local application entity", HEAD, rows, WIDTHS)


def status_codes(settings: Settings) -> Section:
    """N.7: status codes of every transaction."""
    sections: list[Section] = [
        Section("7.3.3.1", "All Transactions", (_status_table("Table 7-1: All transactions, origin server",
                                                              EVERYWHERE),)),
    ]  # fmt: skip
    transactions = [transaction for service in REGISTER for transaction in service.transactions]
    for number, transaction in enumerate(transactions, 2):
        title = f"Table 7-{number}: {transaction.name}, origin server"
        rows = _statuses(transaction, settings.edition.value)
        sections.append(Section(f"7.3.3.{number}", transaction.name, (_status_table(title, rows),)))
    codes = tuple((row.hexadecimal, str(row.code), row.kind, row.when) for row in reasons())
    table = Table(
        f"Table 7-{len(transactions) + 2}: Failure and warning reasons of a store (PS3.18 Annex I)",
        ("Code", "Decimal", "Kind", "Condition"),
        codes,
        (0.12, 0.12, 0.12, 0.64),
    )
    sections.append(Section(f"7.3.3.{len(transactions) + 2}", "Store Instances Response", (table,)))
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
        ),
        (0.2, 0.2, 0.25, 0.35),
    )
    ports = Table(
        "Table 8-2: Ports",
        ("Port", "Direction", "Use"),
        ((str(settings.port), "inbound", "HTTP: services, health"),),
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
        Section("A", "Information Object Definitions", (Paragraph("N/A. No instances are created."),)),
        Section("B", "Structured Report Content", NOT_APPLICABLE),
        Section("C", "Security Details", (Paragraph("N/A. See chapter 8."),)),
        Section("D", "Attribute Mapping", NOT_APPLICABLE),
        Section("E", "Code Sets", NOT_APPLICABLE),
        Section("F", "Editions of the Standard", (editions, Paragraph("WADO-WS (SOAP) is retired and absent."))),
    )
