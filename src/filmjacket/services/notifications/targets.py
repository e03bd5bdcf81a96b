"""Where webhooks may point: no way into the network that the server stands in (server-side request forgery).

A name is resolved once, every address it has must be allowed, and the connection goes to the very address that was
checked, so that a name which resolves to something else the next moment (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from filmjacket.errors import BadRequest, FilmjacketError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

EXTENSION: Final = "extension of PS3.18: webhooks"
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# Addresses in these reach IPv4 ones through a translator: the address inside is what counts (RFC 6052, 3056).
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Some versions of Python call parts of it global (RFC 6890).
_PROTOCOL_ASSIGNMENTS: Final = ipaddress.ip_network("192.0.0.0/24")


class TargetRefused(FilmjacketError):
    """The target of a webhook is not allowed, or has no address."""

    reason_code = "target-refused"


@dataclass(frozen=True, slots=True)
class Target:
    """A target taken apart; `path` is what the request line says."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class TargetRules:
    """What the administrator allows."""

    allow_http: bool = False
    ports: tuple[int, ...] = (443, 8443)
    networks: tuple[str, ...] = ()

    def permits(self, address: str) -> bool:
        """Whether a connection to an address is allowed: public ones are, others when their network is listed."""
        parsed = ipaddress.ip_address(address)
        listed = [ipaddress.ip_network(network, strict=False) for network in self.networks]
        if any(parsed in network for network in listed):
            return True
        seen = _embedded(parsed)
        if seen != parsed and any(seen in network for network in listed):
            return True
        mapped = isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None
        return all(_is_public(one) for one in ({seen} if mapped else {parsed, seen}))


def parse_target(url: str, rules: TargetRules) -> Target:
    """Take a URL apart. Raises `BadRequest` for what can never be delivered to."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise _refusal("is no URL") from None
    schemes = ("https", "http") if rules.allow_http else ("https",)
    if parts.scheme not in schemes:
        raise _refusal(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment:
        raise _refusal("needs a host, and neither user nor password nor fragment")
    if port not in rules.ports:
        raise _refusal(f"must have one of the ports {', '.join(map(str, rules.ports))} (webhooks.ports)")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _refusal("must be percent-encoded")
    path = parts.path or "/"
    return Target(parts.scheme, parts.hostname, port, f"{path}?{parts.query}" if parts.query else path)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TargetRefused("The host of the target has no address.", offender="url") from None
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in found))


def checked_address(
    target: Target, rules: TargetRules, resolve_host: Callable[[str, int], Sequence[str]] = resolve
) -> str:
    """The address to connect to. Raises `TargetRefused` if any address of the host is not allowed."""
    addresses = resolve_host(target.host, target.port)
    if not addresses or not all(rules.permits(address) for address in addresses):
        raise TargetRefused(
            "The target is at a private, loopback, link-local or otherwise special address.",
            section=EXTENSION,
            offender="url",
            accepted=("a public address", "an address in one of webhooks.allowed_networks"),
        )
    return addresses[0]


def _is_public(address: _Address) -> bool:
    special = isinstance(address, ipaddress.IPv4Address) and address in _PROTOCOL_ASSIGNMENTS
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def _embedded(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, else the address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _refusal(problem: str) -> BadRequest:
    return BadRequest(
        f"The URL of a webhook {problem}.",
        section=EXTENSION,
        offender="url",
        accepted=("https://host/path",),
    )
