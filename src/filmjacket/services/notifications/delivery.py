"""One delivery: a POST to a checked address, signed, bounded in time and size; redirects are not followed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.services.notifications.entries import CLOUD_EVENT
from filmjacket.services.notifications.targets import TargetRefused, checked_address, parse_target

if TYPE_CHECKING:
    from filmjacket.services.notifications.targets import TargetRules

SIGNATURE: Final = "Filmjacket-Signature"
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Delivered:
    """How a delivery ended: `failure` is "" for success; `retry_after` what the target asks for, in seconds."""

    failure: str = ""
    retry_after: float = 0.0


def sign(secret: str, body: bytes, at: int) -> str:
    """The signature of a body sent at a moment (seconds since 1970): HMAC-SHA-256 over `<at>.<body>`.

    The time is part of what is signed, so that a receiver can refuse what is old: a replay.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def deliver(url: str, secret: str, body: bytes, rules: TargetRules, *, seconds: float) -> Delivered:
    """Send one event; any 2xx is success."""
    try:
        target = parse_target(url, rules)
        address = checked_address(target, rules)
    except TargetRefused as error:
        return Delivered(error.message)
    connection = _Connection(target.host, target.port, address, seconds, secure=target.scheme == "https")
    # The time limit of a socket is for each read; a target that sends a byte now and then must not hold a thread.
    limit = threading.Timer(seconds, connection.abort)
    limit.daemon = True
    limit.start()
    try:
        return _exchange(connection, target.path, secret, body)
    except ssl.SSLError as error:
        return Delivered(f"TLS: {error.reason or 'failed'}")
    except TimeoutError:
        return Delivered(f"no answer in {seconds:g} seconds")
    except (OSError, http.client.HTTPException, AttributeError) as error:
        # http.client meets an AttributeError when the connection is ended under it.
        if connection.aborted:
            return Delivered(f"no answer in {seconds:g} seconds")
        return Delivered(f"connection failed: {type(error).__name__}")
    finally:
        limit.cancel()
        connection.close()


def _exchange(connection: _Connection, path: str, secret: str, body: bytes) -> Delivered:
    headers = {
        "Content-Type": f"{CLOUD_EVENT}; charset=UTF-8",
        "User-Agent": "Filmjacket-Webhook/1",
        "Accept": "*/*",
        "Connection": "close",
        SIGNATURE: sign(secret, body, int(time.time())),
    }
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    # Read so that the target does not see a reset; what it says is of no use, and might be endless.
    response.read(_READ_BYTES)
    if 200 <= response.status < 300:
        return Delivered()
    told = "; redirects are not followed" if 300 <= response.status < 400 else ""
    after = response.getheader("Retry-After", "")
    return Delivered(
        f"HTTP status {response.status}{told}", float(after) if after.isdigit() and len(after) < 6 else 0.0
    )


class _Connection(http.client.HTTPConnection):
    """A connection to one address, whatever the name of the host resolves to meanwhile."""

    def __init__(self, host: str, port: int, address: str, seconds: float, *, secure: bool) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self._secure = secure
        self.default_port = 443 if secure else 80
        self.aborted = False

    def connect(self) -> None:
        """Connect to the checked address; the certificate must be of the host that the URL names."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = plain
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        if self.aborted:
            self.abort()

    def abort(self) -> None:
        """End it from another thread."""
        self.aborted = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
