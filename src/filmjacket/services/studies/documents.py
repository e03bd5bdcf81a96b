"""Documents and waveforms for people (PS3.18 Table 8.7.4-1, category Text; waveforms as an extension).

Media types follow from the SOP class alone: what a data set says of its own type is never passed on, so that nobody
can store a page with scripts and have it served as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.sop_classes import is_text
from filmjacket.errors import NotAcceptable
from filmjacket.reports.content_tree import read_content_tree
from filmjacket.reports.encapsulated import STORED_TYPES, cover_page, document_title, stored_document
from filmjacket.reports.heading import document_facts, heading_groups
from filmjacket.reports.html import as_html
from filmjacket.reports.links import class_text, read_links
from filmjacket.reports.narrative import clinical_document
from filmjacket.reports.plain_text import as_plain_text
from filmjacket.reports.structured_report import structured_report
from filmjacket.reports.xml import as_xml
from filmjacket.web.media_types import HTML, PDF, PLAIN_TEXT, SVG, TEXT_XML

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.reports.blocks import Report
    from filmjacket.web.refs import ResourceRef

PNG: Final = "image/png"

CHUNK: Final = 64 * 1024
"""Bytes that are handed out at once."""

_SOP_CLASS: Final = "00080016"
_REPORT_TYPES: Final = (HTML, PLAIN_TEXT, TEXT_XML, PDF)
_STORED_FIRST: Final = {PDF: (PDF, HTML, PLAIN_TEXT, TEXT_XML), TEXT_XML: (HTML, TEXT_XML, PLAIN_TEXT, PDF)}
_WAVEFORM_TYPES: Final = (SVG, PNG)
_WAVEFORM_ROOT: Final = "1.2.840.10008.5.1.4.1.1.9."
_REPORT_ROOT: Final = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A document in the type that was asked for. What can be wrong with it was found out before `chunks` begin."""

    content_type: str
    chunks: Iterator[bytes]


def is_waveform(sop_class_uid: str) -> bool:
    """Tell whether a SOP class is a waveform, which is plotted."""
    return sop_class_uid.startswith(_WAVEFORM_ROOT)


def is_document(sop_class_uid: str) -> bool:
    """Tell whether a SOP class is rendered here: structured report, encapsulated document, waveform."""
    return is_text(sop_class_uid) or is_waveform(sop_class_uid)


def document_types(sop_class_uid: str, attributes: Attributes) -> tuple[str, ...]:
    """The media types that an instance can be rendered as, the default first; () if it is not rendered here."""
    if is_waveform(sop_class_uid):
        return _WAVEFORM_TYPES if "54000100" in attributes else ()
    if sop_class_uid.startswith(_REPORT_ROOT):
        return _REPORT_TYPES
    stored = STORED_TYPES.get(sop_class_uid)
    return _STORED_FIRST.get(stored, (stored,)) if stored else ()


def render_document(
    attributes: Attributes,
    media_type: str,
    *,
    bulk: Callable[[str], bytes],
    base_url: str,
    ref: ResourceRef,
    identified: bool = True,
) -> RenderedDocument:
    """An instance as one of its `document_types`; `bulk` gives the bytes of a bulk value by its path.

    Plots show the patient's name only if they are `identified`. Raises `NotAcceptable` for another type and for what
    cannot be shown, `DicomError` for contents that are not readable.
    """
    sop_class = get_text(attributes, _SOP_CLASS) or ""
    types = document_types(sop_class, attributes)
    if media_type not in types:
        raise NotAcceptable(
            "This instance cannot be rendered in an acceptable media type.",
            section="8.7.4",
            offender="Accept",
            accepted=types,
        )
    if is_waveform(sop_class):
        return _plot(attributes, media_type, bulk, identified=identified)
    if media_type == STORED_TYPES.get(sop_class):
        return RenderedDocument(media_type, _pieces(stored_document(attributes, bulk)))
    page = f"{base_url}/{ref.path}/rendered"
    if media_type == TEXT_XML:
        return _tree(attributes, sop_class, bulk, base_url)
    return _written(_report(attributes, sop_class, bulk, base_url, page), media_type, page)


def _report(attributes: Attributes, sop_class: str, bulk: Callable[[str], bytes], base_url: str, page: str) -> Report:
    stored = STORED_TYPES.get(sop_class)
    if stored is None:
        return structured_report(attributes, read_links(attributes, base_url), bulk)
    if stored == TEXT_XML:
        return clinical_document(stored_document(attributes, bulk), document_title(attributes))
    return cover_page(attributes, stored, f"{page}?accept={stored}")


def _written(report: Report, media_type: str, page: str) -> RenderedDocument:
    if media_type == HTML:
        return RenderedDocument("text/html; charset=utf-8", _encoded(as_html(report)))
    if media_type == PLAIN_TEXT:
        return RenderedDocument("text/plain; charset=utf-8", _encoded(as_plain_text(report)))
    from filmjacket.reports.pdf import as_pdf  # noqa: PLC0415 - ReportLab is slow to load

    return RenderedDocument(PDF, _pieces(as_pdf(report, elsewhere=page)))


def _tree(attributes: Attributes, sop_class: str, bulk: Callable[[str], bytes], base_url: str) -> RenderedDocument:
    """The content tree as XML; of an encapsulated document what stands above it."""
    root = read_content_tree(attributes, bulk) if sop_class.startswith(_REPORT_ROOT) else None
    groups = heading_groups(attributes, document_facts(attributes))
    pieces = as_xml(root, class_text(sop_class), groups, read_links(attributes, base_url))
    return RenderedDocument("text/xml; charset=utf-8", _encoded(pieces))


def _plot(
    attributes: Attributes, media_type: str, bulk: Callable[[str], bytes], *, identified: bool
) -> RenderedDocument:
    from filmjacket.pixels.waveforms.layout import draw_waveforms  # noqa: PLC0415 - NumPy is slow to load

    paper = draw_waveforms(attributes, bulk, identified=identified)
    if media_type == SVG:
        from filmjacket.pixels.waveforms.svg import as_svg  # noqa: PLC0415 - as above

        return RenderedDocument(SVG, _encoded(as_svg(paper)))
    from filmjacket.pixels.waveforms.png import as_png  # noqa: PLC0415 - Pillow is slow to load

    return RenderedDocument(PNG, _pieces(as_png(paper)))


def _pieces(document: bytes) -> Iterator[bytes]:
    view = memoryview(document)
    return (bytes(view[start : start + CHUNK]) for start in range(0, len(view), CHUNK))


def _encoded(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts in UTF-8, put together to chunks; a lone surrogate, which UTF-8 does not have, becomes a question mark."""
    encode = partial(str.encode, encoding="utf-8", errors="replace")
    held: list[bytes] = []
    size = 0
    for text in texts:
        piece = encode(text)
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
