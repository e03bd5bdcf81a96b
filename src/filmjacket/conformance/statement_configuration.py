"""Chapter 6 of the conformance statement: every setting, with the service that it is about (PS3.2 N.6).

Numbers of N.6.3 are those of Annex N: 6.3.7 was read in 2026b, 6.3.1 to 6.3.5 in 2024c; 6.3.6 stands between them.
Annex N has no number for notifications, which follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from filmjacket.conformance.document import Paragraph, Section, Table
from filmjacket.conformance.notifications import CONNECTIONS
from filmjacket.conformance.statement_overview import NOT_APPLICABLE, SECTIONS, service_of
from filmjacket.settings import describe_settings, effective_values

if TYPE_CHECKING:
    from filmjacket.conformance.document import Block
    from filmjacket.settings import Settings

GENERAL: Final = ("data", "database", "server", "workers", "shutdown_seconds", "stage_memory_bytes",
                  "minimum_free_bytes", "log.", "lanes.")  # fmt: skip
"""Settings, or tables of them, that are about the process and not about the services."""
OF_SERVICE: Final = {
    "9": ("deidentification.",),
    "11": ("worklist.", "jobs.purge_workitems_at"),
    "13": ("commitment.",),
    "14": ("procedures.",),
    "15": ("procedures.strict",),
    "8.10": ("notifications.", "webhooks."),
}
"""Settings, or tables of them, by the chapter of PS3.18 whose service they are about; the longest name decides."""
SHARED: Final = "10"
"""The service with which all other settings stand."""
PRIVATE: Final = {"data", "database"}
"""Settings whose values are nobody's business outside."""
WIDTHS: Final = (0.22, 0.12, 0.16, 0.16, 0.34)
HEAD: Final = ("Parameter", "Configurable", "Default Value", "Value here", "Comments")

Row = tuple[str, ...]


def configuration(settings: Settings, base_url: str) -> Section:
    """N.6: every setting with its default and the value in force."""
    rows = _settings(settings)
    general = Table("Table 6-1: General parameters", HEAD, tuple(rows.pop("")), WIDTHS)
    services = tuple(
        Section(f"6.3.{number}", title, _of_service(number, chapter, rows[chapter], settings, base_url))
        for number, title, chapter in SECTIONS
    )
    return Section(
        "6",
        "Configuration",
        (),
        (
            Section("6.1", "General Parameters", (general,)),
            Section("6.2", "DIMSE Configuration", NOT_APPLICABLE),
            Section("6.3", "Web Services Configuration", (), services),
        ),
    )


def section_of(setting: str) -> str:
    """Where in the statement a setting is."""
    chapter = _chapter_of(setting)
    return next((f"6.3.{number}" for number, _, of_section in SECTIONS if of_section == chapter), "6.1")


def _chapter_of(setting: str) -> str:
    """The chapter of PS3.18 that a setting is about, empty if it is about the process."""
    if setting.startswith(GENERAL):
        return ""
    found = [
        (len(name), chapter) for chapter, names in OF_SERVICE.items() for name in names if setting.startswith(name)
    ]
    return max(found)[1] if found else SHARED


def _settings(settings: Settings) -> dict[str, list[Row]]:
    values = effective_values(settings)
    found: dict[str, list[Row]] = {"": [], **{chapter: [] for _, _, chapter in SECTIONS}}
    for row in describe_settings():
        value = "not shown" if row.name in PRIVATE else values[row.name] or "unset"
        line = (f"`{row.name}`", "SERVICE", row.default or "unset", value, row.description)
        found[_chapter_of(row.name)].append(line)
    return found


def _of_service(number: str, chapter: str, rows: list[Row], settings: Settings, base_url: str) -> tuple[Block, ...]:
    local = Table(f"Table 6-3.{number}a: Local parameters", HEAD, _local(chapter, settings, base_url), WIDTHS)
    if chapter == "13":
        days = (f"{settings.commitment.__class__().result_days} days", f"{settings.commitment.result_days} days")
        rows = [("Result Availability Duration", "SERVICE", *days, "`commitment.result_days`; then 410."), *rows]
    own = (Table(f"Table 6-3.{number}b: Parameters", HEAD, tuple(rows), WIDTHS),) if rows else ()
    return local, *own, Paragraph(_remarks(chapter))


def _remarks(chapter: str) -> str:
    if chapter == SHARED:
        return "No remote systems are configured: the server calls no other DICOM system."
    if chapter == "8.10":
        return (
            "Remote systems are the targets of webhooks, as many as are registered on the command line; the server "
            "connects to those that `webhooks.allowed_networks` and `webhooks.ports` allow."
        )
    others = " `procedures.hide_started` of 6.3.6 applies, too." if chapter == "15" else ""
    return f"Limits and all other parameters are those of 6.3.2.{others} No remote systems are configured."


def _local(chapter: str, settings: Settings, base_url: str) -> tuple[Row, ...]:
    """The local block: where the resources of a service are, once for each scheme."""
    parts = urlsplit(base_url)
    secured = parts.scheme == "https"
    port = str(parts.port or (443 if secured else 80))
    default = "http://127.0.0.1:8104/dicom-web"
    if chapter == "8.10":
        roots = ", ".join(f"`{row.template}`" for row in CONNECTIONS)
        base_url, default = (url.replace("http", "ws", 1) for url in (base_url, default))
    else:
        service = service_of(chapter)
        names = dict.fromkeys("/" + row.template.split("/")[1] for _, row in service.operations())
        roots = ", ".join(f"`{name}`" for name in names)
    below = f"Resources below it: {roots}."
    return (
        ("Base URI", "SERVICE", default, "N/A" if secured else base_url, below),
        ("Port", "SERVICE", "8104", "N/A" if secured else port, f"The server listens on port {settings.port}."),
        ("Secured Base URI", "SERVICE", "N/A", base_url if secured else "N/A", "Offered by a proxy, see 8.2."),
        ("Secured Port", "SERVICE", "N/A", port if secured else "N/A", ""),
    )
