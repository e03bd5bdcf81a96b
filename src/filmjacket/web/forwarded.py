"""The public address of this server: configured, forwarded (RFC 7239), or the Host header (RFC 9110 7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
MAX_FORWARDED: Final = 1024
"""Characters of a Forwarded header that is read; one hop takes about a hundred."""

_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?)(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~$()*+,;=:@%-]+)+/?", re.ASCII)
_PAIR = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^";,\s]*))\s*(?:;|$)', re.ASCII)
_FIRST_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")*')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a proxy says about the request that it received; None where it says nothing usable."""

    scheme: str | None = None
    host: str | None = None
    prefix: str | None = None


def forwarded_origin(headers: Mapping[str, str], *, peer: str | None, trusted: tuple[str, ...]) -> Forwarded | None:
    """What the headers say if the peer is one of the trusted addresses and networks; otherwise None.

    Anybody can send such headers, so they count only from proxies that the administrator has named.
    """
    if peer is None or not trusted or not _is_trusted(peer, trusted):
        return None
    forwarded = parse_forwarded(headers)
    return None if forwarded == Forwarded() else forwarded


def parse_forwarded(headers: Mapping[str, str]) -> Forwarded:
    """Read `Forwarded` (RFC 7239), else `X-Forwarded-Proto`, `-Host`, `-Port`; `X-Forwarded-Prefix` always.

    Header names are in lower case. The first element of each list comes from the proxy next to the client,
    whose address is the public one. Values that cannot be read are ignored.
    """
    pairs = _first_pairs(headers.get("forwarded", ""))
    scheme = (pairs.get("proto") or _first(headers.get("x-forwarded-proto"))).lower()
    host = pairs.get("host") or _first(headers.get("x-forwarded-host"))
    port = "" if pairs.get("host") else _first(headers.get("x-forwarded-port"))
    known = scheme if scheme in DEFAULT_PORTS else None
    return Forwarded(known, _host(host, port, known), _prefix(_first(headers.get("x-forwarded-prefix"))))


def base_url(
    *,
    scheme: str,
    host: str | None,
    listening: tuple[str, int],
    path: str,
    forwarded: Forwarded | None = None,
    configured: str | None = None,
) -> str:
    """Base URL of the services for links, without a trailing slash; `path` is where they are, `/dicom-web`.

    `host` is the Host header. A `configured` root is taken as it is. Otherwise scheme, host and path prefix
    are those that the proxy was asked for, or those of the request. Clients exist that leave the port out of
    Host: then it is the listening port; behind a proxy a Host without port means the default one.
    """
    path = path.rstrip("/")
    if configured:
        return configured.rstrip("/") + path
    if forwarded is None:
        return f"{scheme}://{_own_host(scheme, host, listening)}{path}"
    public = forwarded.host or _checked(host) or _own_host(scheme, None, listening)
    return f"{forwarded.scheme or scheme}://{public}{forwarded.prefix or ''}{path}"


def _own_host(scheme: str, host: str | None, listening: tuple[str, int]) -> str:
    address, port = listening
    if host is None or not host.strip():
        host = "localhost" if address in {"", "0.0.0.0", "::"} else address  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
    name = _checked(host)
    has_port = name.rpartition("]")[2].find(":") >= 0
    return name if has_port or port == DEFAULT_PORTS.get(scheme) else f"{name}:{port}"


def _checked(host: str | None) -> str:
    """The Host header, which is copied into URLs and so may hold nothing but a host."""
    text = (host or "").strip()
    if text and not _HOST.fullmatch(text):
        raise BadRequest(
            "The Host header is not a host name with an optional port.",
            section="RFC 9110 7.2",
            offender="Host",
        )
    return text


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry, strict=False) for entry in trusted)


@lru_cache(maxsize=1024)
def _is_trusted(peer: str, trusted: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(trusted))


def _first_pairs(header: str) -> dict[str, str]:
    first = _FIRST_ELEMENT.match(header) if len(header) <= MAX_FORWARDED else None
    pairs: dict[str, str] = {}
    for found in _PAIR.finditer(first[0] if first else ""):
        value = found[3] if found[2] is None else _ESCAPED.sub(r"\1", found[2])
        pairs.setdefault(found[1].lower(), value)
    return pairs


def _first(header: str | None) -> str:
    return (header or "").partition(",")[0].strip()


def _host(host: str, port: str, scheme: str | None) -> str | None:
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    is_default = not _PORT.fullmatch(port) or int(port) == DEFAULT_PORTS[scheme or "http"]
    return host if found["port"] or is_default else f"{host}:{port}"


def _prefix(text: str) -> str | None:
    usable = _PREFIX.fullmatch(text) and ".." not in text
    return text.rstrip("/") if usable else None
