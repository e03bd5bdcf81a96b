"""Status Reports as problem documents (PS3.18 8.5, 8.6.3; RFC 9457): JSON, XML, or a page for who sits at a browser.

Which one is up to the `Accept` header: a page if that is liked best, else the document liked best, else JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from filmjacket.web.accept import parse_accept
from filmjacket.web.media_types import HTML

if TYPE_CHECKING:
    from collections.abc import Callable

PROBLEM_JSON: Final = "application/problem+json"
PROBLEM_XML: Final = "application/problem+xml"

_XML_NAMESPACE: Final = "urn:ietf:rfc:7807"

_MEANT_BY: Final = {
    "application/problem+json": PROBLEM_JSON,
    "application/json": PROBLEM_JSON,
    "application/dicom+json": PROBLEM_JSON,
    "application/problem+xml": PROBLEM_XML,
    "application/xml": PROBLEM_XML,
    "text/xml": PROBLEM_XML,
    "application/dicom+xml": PROBLEM_XML,
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/*": HTML,
}
"""What a client that accepts the left side can read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong, what would be accepted, which section says so; `request_id` finds it in the log."""

    status: int
    reason_code: str
    message: str
    section: str = ""
    offender: str = ""
    accepted: tuple[str, ...] = ()
    request_id: str = ""

    @property
    def title(self) -> str:
        """The reason phrase of the status code."""
        return HTTPStatus(self.status).phrase

    @property
    def standard(self) -> str:
        """The section with the name of its standard; a number alone is one of PS3.18."""
        if not self.section:
            return ""
        return self.section if self.section.startswith(("RFC", "PS3")) else f"PS3.18 {self.section}"

    def members(self) -> dict[str, str | int | tuple[str, ...]]:
        """The members of RFC 9457, then ours; empty ones are left out."""
        members: dict[str, str | int | tuple[str, ...]] = {
            "type": f"urn:filmjacket:problem:{self.reason_code}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "instance": f"urn:filmjacket:request:{self.request_id}" if self.request_id else "",
            "offender": self.offender,
            "accepted": self.accepted,
            "section": self.standard,
        }
        return {name: value for name, value in members.items() if value}


@lru_cache(maxsize=128)
def choose_problem_type(accept: str | None) -> str:
    """Media type of a problem document for a client with this `Accept` header."""
    ranges = sorted(parse_accept(accept).header, key=lambda entry: -entry.q)
    meant = [_MEANT_BY.get(entry.item, "") for entry in ranges if entry.q > 0]
    # Browsers want a page before anything else; programs that name it at all name it later.
    if meant[:1] == [HTML]:
        return HTML
    return next((media_type for media_type in meant if media_type not in {"", HTML}), PROBLEM_JSON)


def write_problem(problem: Problem, media_type: str) -> bytes:
    """The document in one of the media types of `choose_problem_type`."""
    return _WRITERS[media_type](problem)


def _json(problem: Problem) -> bytes:
    return orjson.dumps(problem.members())


def _xml(problem: Problem) -> bytes:
    """RFC 9457 appendix B: members are elements, those of an array are `i` elements."""
    elements = "".join(
        f"<{name}>{''.join(f'<i>{_text(one)}</i>' for one in value)}</{name}>"
        if isinstance(value, tuple)
        else f"<{name}>{_text(str(value))}</{name}>"
        for name, value in problem.members().items()
    )
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<problem xmlns="{_XML_NAMESPACE}">'
    return f"{head}{elements}</problem>\n".encode("utf-8", "replace")


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} {title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.55 system-ui, sans-serif; max-width: 44rem; margin: 12vh auto 4rem; padding: 0 1.5rem; }}
h1 {{ font-size: 1.6rem; font-weight: 600; margin: 0 0 .75rem; }}
h1 span {{ opacity: .55; font-weight: 400; margin-right: .35rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.5rem; margin: 2rem 0; }}
dt {{ opacity: .65; }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
ul {{ margin: 0; padding: 0; list-style: none; }}
code {{ font: .9em ui-monospace, monospace; }}
footer {{ border-top: 1px solid; opacity: .55; font-size: .85rem; padding-top: .75rem; }}
</style>
</head>
<body>
<main>
<h1><span>{status}</span>{title}</h1>
<p>{detail}</p>
{facts}</main>
<footer>Filmjacket, a DICOMweb server. Programs get this as {json} or {xml}.</footer>
</body>
</html>
"""


def _html(problem: Problem) -> bytes:
    accepted = "".join(f"<li><code>{_text(one)}</code></li>" for one in problem.accepted)
    facts = (
        ("At fault", f"<code>{_text(problem.offender)}</code>" if problem.offender else ""),
        ("Accepted", f"<ul>{accepted}</ul>" if accepted else ""),
        ("Standard", _text(problem.standard)),
        ("Request", f"<code>{_text(problem.request_id)}</code>" if problem.request_id else ""),
    )
    rows = "".join(f"<dt>{name}</dt><dd>{content}</dd>\n" for name, content in facts if content)
    return _PAGE.format(
        status=problem.status,
        title=_text(problem.title),
        detail=_text(problem.message),
        facts=f"<dl>\n{rows}</dl>\n" if rows else "",
        json=PROBLEM_JSON,
        xml=PROBLEM_XML,
    ).encode("utf-8", "replace")


def _text(text: str) -> str:
    """Text that is safe in elements and attributes; characters that XML cannot hold become U+FFFD."""
    return escape("".join(char if char >= " " or char in "\t\n" else "\ufffd" for char in text))


_WRITERS: Final[dict[str, Callable[[Problem], bytes]]] = {PROBLEM_JSON: _json, PROBLEM_XML: _xml, HTML: _html}
