"""The DICOM Conformance Statement in the order of PS3.2 Annex N, for the settings in force.

`conformance_statement` is the whole document as values; `as_markdown`, `as_html` and `as_pdf` write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket import __version__
from filmjacket.conformance import (
    statement_configuration,
    statement_overview,
    statement_rest,
    statement_services,
)
from filmjacket.conformance.document import Document

if TYPE_CHECKING:
    from filmjacket.settings import Settings


@dataclass(frozen=True, slots=True)
class Release:
    """What the cover says: version, date of the document, base URI of the site or of its template."""

    version: str
    date: str
    base_url: str


def conformance_statement(settings: Settings, *, date: str, base_url: str = "") -> Document:
    """The statement; `date` is printed as it is."""
    release = Release(__version__, date, base_url or base_uri(settings))
    return Document(
        "DICOM Conformance Statement",
        f"Filmjacket {release.version}",
        (
            ("Product", "Filmjacket, DICOMweb origin server"),
            ("Version", release.version),
            ("Date of this document", date),
            ("Base URI", release.base_url),
            ("Edition of PS3.18 followed", settings.edition.value),
        ),
        (
            statement_overview.overview(),
            *statement_overview.introduction(release.version, date),
            statement_overview.implementation_model(),
            statement_services.services(settings),
            statement_configuration.configuration(settings, release.base_url),
            statement_rest.status_codes(settings),
            statement_rest.security(settings),
            *statement_rest.annexes(),
        ),
    )


def base_uri(settings: Settings) -> str:
    """Where the services are, as far as the settings know."""
    origin = settings.public_url or f"http://{settings.host}:{settings.port}"
    return origin + settings.base_path
