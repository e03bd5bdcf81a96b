"""Chapters 1 to 4 of the conformance statement: overview, introduction, implementation model (PS3.2 N.1 to N.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.conformance.document import Arrow, Box, Bullets, Contents, Figure, Paragraph, Section, Table
from filmjacket.conformance.notifications import CONNECTIONS
from filmjacket.conformance.register import REGISTER
from filmjacket.dicom.sop_classes import storage_classes
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.web.negotiate import NEVER_SENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.conformance.declarations import Obligation, Service, Transaction
    from filmjacket.conformance.document import Block

NOT_APPLICABLE: Final = (Paragraph("N/A. This product has no part of this kind."),)
WHOLE_SET: Final = "ALL"

SERVICE_SECTIONS: Final = (
    ("1", "URI Service", "9"),
    ("2", "Studies Service", "10"),
    ("3", "Worklist Service", "11"),
    ("4", "Non-Patient Instance Service", "12"),
    ("5", "Storage Commitment Service", "13"),
    ("6", "Modality Scheduled Procedure Step Service", "14"),
    ("7", "Modality Performed Procedure Step Service", "15"),
)
"""Services as N.1.3, N.6.3 and N.7.3.3 number them: number, title, chapter of PS3.18."""
SECTIONS: Final = (*SERVICE_SECTIONS, ("8", "Notification Service", "8.10"))
"""The same and notifications, which Annex N has in N.5.3.5 only."""


def overview() -> Section:
    """N.1: what there is, in tables."""
    return Section(
        "1",
        "Overview",
        (
            Paragraph(
                "Filmjacket is an archive for composite instances of patients and speaks DICOMweb (PS3.18): "
                "modalities, "
                "gateways and applications store instances over HTTP, viewers and applications search for them and "
                "retrieve them, whole, as metadata, or by the frame. It keeps what it receives byte for byte."
            ),
            Paragraph(
                "Its services are: " + ", ".join(title for _, title, _ in SECTIONS) + ". Schedulers create workitems, "
                "applications claim and complete them, and whoever subscribes hears of it; modalities fetch their "
                "worklist and report what they perform."
            ),
            data_flow(),
        ),
        (
            Section("1.1", "Content and Transfer", (), (_sop_classes(), _transfer_syntaxes(), _templates())),
            Section("1.2", "DIMSE Services", NOT_APPLICABLE),
            Section("1.3", "DICOM Web Services", (), tuple(_web_services())),
            Section("1.4", "DICOM Media Services", NOT_APPLICABLE),
            Section("1.5", "Real-Time Video Services", NOT_APPLICABLE),
            Section("1.6", "De-identification Profiles", _deidentification()),
            Section("1.7", "Character Sets", (character_sets("Table 1-6: Supported character sets"),)),
        ),
    )


def _deidentification() -> tuple[Block, ...]:
    rows = (
        ("Basic Application Level Confidentiality Profile", "113100", "Y"),
        ("Clean Pixel Data Option", "113101", "Y: instances that need more than rules are refused"),
    )
    head = ("Profile or Option", "Code", "De-identifier")
    text = "On retrieval of single instances by the URI Service with `anonymize=yes`; what is stored never changes."
    table = Table("Table 1-5: De-identification profiles and options", head, rows, (0.45, 0.15, 0.4))
    return Paragraph(text), table


def _sop_classes() -> Section:
    rows = tuple(
        (name, uid, WHOLE_SET, "N", "Y", "N", "N", "N", "Y")
        for uid, name in sorted(storage_classes().items(), key=lambda row: row[1])
    )
    return Section(
        "1.1.1",
        "SOP Classes",
        (
            Paragraph(
                "Every Storage SOP Class of PS3.4 Annex B is accepted, retired ones included, and so is any other SOP "
                "Class below the UID root of storage classes, so that classes newer than this table work. UA is the "
                "role User Agent, OS Origin Server. Classes without a patient have resources of their own, see 5.3.4."
            ),
            Table(
                "Table 1-1: Storage SOP Classes",
                ("SOP Class Name", "SOP Class UID", "Transfer Syntax Set", "Web UA", "Web OS", "Create", "Display",
                 "Process", "Archive"),
                rows,
                (0.29, 0.25, 0.075, 0.045, 0.045, 0.068, 0.073, 0.08, 0.074),
            ),
        ),
    )  # fmt: skip


def _transfer_syntaxes() -> Section:
    rows = tuple(
        (
            WHOLE_SET,
            row.name + (" (retired)" if row.retired else ""),
            row.uid,
            row.media_type or "none",
            "N" if row.uid in NEVER_SENT or not row.explicit else "Y",
        )
        for row in TRANSFER_SYNTAXES.values()
    )
    return Section(
        "1.1.2",
        "Transfer Syntaxes",
        (
            Paragraph(
                "Instances are stored in the transfer syntax they come in. Sent says whether they are sent in it: "
                "Implicit VR and Big Endian shall not be used with web services (PS3.18 8.7.3.1) and go out as "
                "Explicit VR Little Endian. Pixel data are decoded and encoded in other transfer syntaxes on "
                "request: without loss, and with loss only for requesters who name the transfer syntax. "
                "Available Transfer Syntax UID (0008,3002) of search results lists what can be had without loss."
            ),
            Table(
                "Table 1-2: Transfer Syntax Sets",
                ("Set", "Transfer Syntax Name", "UID", "Web Bulk Data Media Type", "Sent"),
                rows,
                (0.07, 0.42, 0.24, 0.20, 0.07),
            ),
        ),
    )


def _templates() -> Section:
    text = (
        "N/A. Structured reports are archived as they are and rendered as text by their content tree, whatever their "
        "template; none is created."
    )
    return Section("1.1.3", "SR Templates", (Paragraph(text),))


def _web_services() -> list[Section]:
    sections: list[Section] = []
    for number, title, chapter in SECTIONS:
        every = (*service_of(chapter).transactions, *service_of("8.9").transactions)
        rows = tuple(row for transaction in every for row in _support(title, transaction))
        if chapter == "8.10":
            rows = (*_connections(title), *rows)
        head = ("Service", "Transaction", "Resource", "Method", "User Agent", "Origin Server")
        table = Table(f"Table 1-3.{number}: {title}", head, rows, (0.15, 0.15, 0.42, 0.1, 0.08, 0.1))
        sections.append(Section(f"1.3.{number}", title, (table,)))
    return sections


def service_of(chapter: str) -> Service:
    """The service of a chapter of PS3.18."""
    return next(service for service in REGISTER if service.section == chapter)


def _connections(title: str) -> Iterator[tuple[str, ...]]:
    """What has no method: connections, and what is sent over them (8.10.4, 8.10.5)."""
    for row in CONNECTIONS:
        yield (
            title,
            "Open Notification Connection",
            _obliged(f"`{row.template}`", row.obligation),
            "WebSocket",
            "N",
            "Y",
        )
    yield title, "Send Event Report", "each open connection of a subscriber", "WebSocket", "N", "Y"


def _support(title: str, transaction: Transaction) -> list[tuple[str, ...]]:
    return [
        (title, transaction.name, _obliged(f"`{row.template}`", row.obligation), row.method, "N", "Y")
        for row in transaction.resources
    ]


def _obliged(text: str, obligation: Obligation) -> str:
    return text if obligation.value == "M" else f"{text} ({obligation.words})"


CHARACTER_SETS: Final = (
    ("ISO_IR 6", "US-ASCII", "Default repertoire"),
    ("ISO_IR 100", "ISO-8859-1", "Latin alphabet No. 1"),
    ("ISO_IR 101", "ISO-8859-2", "Latin alphabet No. 2"),
    ("ISO_IR 109", "ISO-8859-3", "Latin alphabet No. 3"),
    ("ISO_IR 110", "ISO-8859-4", "Latin alphabet No. 4"),
    ("ISO_IR 144", "ISO-8859-5", "Cyrillic"),
    ("ISO_IR 127", "ISO-8859-6", "Arabic"),
    ("ISO_IR 126", "ISO-8859-7", "Greek"),
    ("ISO_IR 138", "ISO-8859-8", "Hebrew"),
    ("ISO_IR 148", "ISO-8859-9", "Latin alphabet No. 5"),
    ("ISO_IR 203", "ISO-8859-15", "Latin alphabet No. 9"),
    ("ISO_IR 13", "JIS_X0201", "Japanese, single byte"),
    ("ISO_IR 166", "TIS-620", "Thai"),
    ("ISO 2022 IR 87", "ISO-2022-JP", "Japanese, with code extensions"),
    ("ISO 2022 IR 159", "ISO-2022-JP", "Japanese, supplementary, with code extensions"),
    ("ISO 2022 IR 149", "ISO-2022-KR", "Korean, with code extensions"),
    ("ISO 2022 IR 58", "ISO-2022-CN", "Simplified Chinese, with code extensions"),
    ("GB18030", "GB18030", "Chinese"),
    ("GBK", "GBK", "Simplified Chinese"),
    ("ISO_IR 192", "UTF-8", "Unicode"),
)
"""Values of Specific Character Set (0008,0005) that are understood; a test decodes with each."""


def character_sets(caption: str) -> Table:
    """The character sets of stored instances."""
    return Table(caption, ("Defined Term", "IANA", "Description"), CHARACTER_SETS, (0.3, 0.25, 0.45))


def introduction(version: str, date: str) -> tuple[Section, Section]:
    """N.2 and N.3."""
    terms = (
        ("Origin Server", "The server that answers requests of a service: this product."),
        ("User Agent", "The client that makes them."),
        ("Base URI", "URL below which all resources of the services are."),
        ("SOP Instance", "One object: an image, a report, a document."),
    )
    return Section("2", "Table of Contents", (Contents(),)), Section(
        "3",
        "Introduction",
        (),
        (
            Section(
                "3.1",
                "Revision History",
                (
                    Table(
                        "Table 3-1: Revisions",
                        ("Revision", "Date", "Product Version", "Change"),
                        (("1", date, version, "Made from the conformance register of this version."),),
                        (0.12, 0.2, 0.2, 0.48),
                    ),
                ),
            ),
            Section(
                "3.2",
                "Audience",
                (Paragraph("Administrators, integrators and developers who connect systems to this archive."),),
            ),
            Section(
                "3.3",
                "Remarks",
                (
                    Paragraph(
                        "Conformance by itself does not guarantee that two products work together. This document is "
                        "generated from the tables by which the program works, for the settings of one installation; "
                        "the program's tests ask a running server for every row of it."
                    ),
                ),
            ),
            Section(
                "3.4", "Terms and Definitions", (Table("Table 3-2: Terms", ("Term", "Meaning"), terms, (0.3, 0.7)),)
            ),
            Section(
                "3.5",
                "Abbreviations",
                (Bullets(("AE: Application Entity", "OS: Origin Server", "UA: User Agent", "UID: Unique Identifier")),),
            ),
            Section(
                "3.6",
                "References",
                (Bullets(("DICOM PS3, in particular PS3.2, PS3.4, PS3.5, PS3.10, PS3.18", "RFC 9110, RFC 9457")),),
            ),
        ),
    )


def implementation_model() -> Section:
    """N.4: one application entity."""
    functions = (
        (
            "FILMJACKET receives store requests, writes each instance to durable storage and enters it into the index; "
            "only then it answers that the instance is stored. It answers searches from the index, and retrieve "
            "requests "
            "from the stored files."
        ),
        (
            "It keeps workitems, scheduled and performed procedure steps in the index. Of several claims to one "
            "workitem it grants one. Changes are logged in the transaction that makes them, and reported from there."
        ),
        "Asked for storage commitment, it reads the instances back before it answers for them.",
    )
    return Section(
        "4",
        "Implementation Model",
        (),
        (
            Section("4.1", "Application Entities and Data Flow", (data_flow("Figure 4-1: Application data flow"),)),
            Section("4.2", "Functional Definition of FILMJACKET", tuple(map(Paragraph, functions))),
            Section(
                "4.3",
                "Sequencing of Real-World Activities",
                (
                    Paragraph("An instance can be found and retrieved as soon as the store request is answered."),
                    Paragraph(
                        "A subscriber opens its connection, then subscribes. Reports of one subscriber are in the "
                        "order of the changes; those that it missed are sent first when it is opened again."
                    ),
                ),
            ),
        ),
    )


def data_flow(caption: str = "Figure 1-1: Services of this product") -> Figure:
    """The one application entity between what it keeps and who asks for it."""
    agents = (
        ("Modality, gateway,", "encounter application"),
        ("Viewer, workstation,", "AI application"),
        ("Scheduler,", "task performer"),
        ("Integrator's tool", ""),
    )
    flows = ("Store, Steps", "Search, Retrieve", "Workitems, Events", "Retrieve Capabilities")
    tops = (2.0, 56.0, 110.0, 164.0)
    return Figure(
        caption,
        470,
        210,
        (
            Box(0, 30, 96, 46, ("Stored files",), "store"),
            Box(0, 124, 96, 46, ("Index",), "store"),
            Box(142, 62, 104, 76, ("FILMJACKET", "Web Origin Server"), "entity"),
            *(
                Box(352, top, 118, 46, tuple(filter(None, lines)))
                for top, lines in zip(tops, agents, strict=True)
            ),
        ),
        (
            Arrow(96, 58, 142, 86, both=True),
            Arrow(96, 142, 142, 114, both=True),
            *(
                Arrow(352, top + 23, 246, 82 + 18 * number, label, both=True)
                for number, (top, label) in enumerate(zip(tops, flows, strict=True))
            ),
        ),
        262,
        "DICOM standard interface (PS3.18 over HTTP)",
    )  # fmt: skip
