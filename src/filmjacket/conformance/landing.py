"""What the base URL itself answers: where to go from here, as a page for people and as JSON for programs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import orjson

from filmjacket.conformance.register import NOT_SUPPORTED, REGISTER

if TYPE_CHECKING:
    from collections.abc import Iterator

LINKS: Final = (
    ("studies", "/studies", "Studies in this archive, as DICOM JSON"),
    ("openapi", "/openapi.json", "Every resource as OpenAPI 3.1"),
    ("health", "/healthz", "Whether the server is ready"),
)
STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2733;--paper:#fff;--soft:#5c6b7a;--line:#d9e0e7;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ee;--paper:#14191f;--soft:#94a3b3;--line:#303b47;--link:#7db7f0}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:46rem;margin:3rem auto;
padding:0 1.2rem}h1{font-size:1.7rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .4rem}p.lead{color:var(--soft);margin:0}
a{color:var(--link)}table{border-collapse:collapse;width:100%}td{padding:.35rem .8rem .35rem 0;vertical-align:top;
border-top:1px solid var(--line)}td:first-child{white-space:nowrap}code{font-family:ui-monospace,monospace;
font-size:.9em}pre{background:color-mix(in srgb,var(--line) 35%,transparent);padding:.7rem;overflow:auto}
"""


def landing_json(base_url: str, version: str) -> bytes:
    """Links by name, and what is offered."""
    links = {name: _target(base_url, path) for name, path, _ in LINKS}
    services = [
        {"name": service.name, "transactions": [transaction.name for transaction in service.transactions]}
        for service in REGISTER
    ]
    return orjson.dumps({"server": "Filmjacket", "version": version, "links": links, "services": services})


def landing_page(base_url: str, version: str) -> bytes:
    """A page that loads nothing from elsewhere."""
    return "".join(_page(base_url, version)).encode()


def _target(base_url: str, path: str) -> str:
    """Health is asked of the server, everything else of the services."""
    if path == "/healthz":
        scheme, _, rest = base_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}{path}"
    return base_url + path


def _page(base_url: str, version: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Filmjacket</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{STYLE}</style></head><body><h1>Filmjacket</h1>"
    yield f'<p class="lead">DICOMweb server, version {escape(version)}</p>'
    yield "<p>This is the base URL for DICOMweb clients and viewers:</p>"
    yield f"<pre>{escape(base_url)}</pre><h2>Here</h2><table>"
    for name, path, text in LINKS:
        target = escape(_target(base_url, path), quote=True)
        yield f'<tr><td><a href="{target}">{escape(name)}</a></td><td>{escape(text)}</td></tr>'
    yield "<tr><td>capabilities</td><td>Retrieve Capabilities (PS3.18 8.9): "
    yield f"<code>curl -X OPTIONS {escape(base_url)}/</code></td></tr>"
    yield "<tr><td>conformance statement</td><td><code>filmjacket conformance --format pdf</code></td></tr>"
    yield "</table><h2>Services</h2><table>"
    for service in REGISTER:
        names = ", ".join(transaction.name for transaction in service.transactions)
        yield f"<tr><td>{escape(service.name)}</td><td>{escape(names)}</td></tr>"
    yield "</table><h2>Not here</h2><table>"
    for row in NOT_SUPPORTED:
        yield f"<tr><td>{escape(row.name)}</td><td>{escape(row.text)}</td></tr>"
    yield "</table></body></html>\n"
