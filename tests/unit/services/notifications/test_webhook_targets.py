"""Where webhooks may point, and what one delivery does."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from filmjacket.errors import BadRequest
from filmjacket.services.notifications.delivery import SIGNATURE, deliver, sign
from filmjacket.services.notifications.targets import TargetRefused, TargetRules, checked_address, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = TargetRules()

FORBIDDEN = [
    "127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "192.0.0.8",
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1",
]  # fmt: skip
ALLOWED = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_addresses_inside_are_refused(address: str) -> None:
    target = parse_target("https://hook.example.org/x", RULES)
    with pytest.raises(TargetRefused):
        checked_address(target, RULES, lambda _host, _port: [address])


@pytest.mark.parametrize("address", ALLOWED)
def test_public_addresses_are_allowed(address: str) -> None:
    target = parse_target("https://hook.example.org/x", RULES)
    assert checked_address(target, RULES, lambda _host, _port: [address]) == address


def test_one_forbidden_address_among_others_is_enough() -> None:
    target = parse_target("https://hook.example.org/x", RULES)
    with pytest.raises(TargetRefused):
        checked_address(target, RULES, lambda _host, _port: ["8.8.8.8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (("10.1.0.0/16",), "10.1.2.3", True),
        (("10.1.0.0/16",), "10.2.0.1", False),
        (("10.1.0.0/16",), "::ffff:10.1.2.3", True),
        (("127.0.0.1",), "127.0.0.1", True),
        (("127.0.0.1",), "::1", False),
    ],
)
def test_listed_networks_are_allowed(networks: tuple[str, ...], address: str, allowed: bool) -> None:
    assert TargetRules(networks=networks).permits(address) is allowed


URLS = [
    "http://hook.example.org/", "ftp://hook.example.org/", "//hook.example.org/", "hook.example.org",
    "https://", "https:///x", "https://user:password@hook.example.org/", "https://hook.example.org:22/",
    "https://hook.example.org/#x", "https://hook.example.org:x/", "https://hook.example.org/a b",
    "https://hook.example.org/\r\nHost: x", "https://hook.example.org/\u00e4", "https://[::1/", "file:///etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_urls_that_can_never_be_delivered_to(url: str) -> None:
    with pytest.raises(BadRequest):
        parse_target(url, RULES)


def test_numbers_that_mean_addresses_are_resolved_like_names() -> None:
    for host in ("2130706433", "0x7f.1", "localhost", "127.1"):
        with pytest.raises(TargetRefused):
            checked_address(parse_target(f"https://{host}/", RULES), RULES)


class Receiver(BaseHTTPRequestHandler):
    """Takes what comes, and answers as the path says."""

    seen: list[tuple[str, dict[str, str], bytes]]
    hits: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append((self.path, dict(self.headers), body))
        if self.path == "/slow":
            try:
                for _ in range(100):
                    self.wfile.write(b"H")
                    time.sleep(0.05)
            except OSError:
                return
            return
        status = int(self.path.strip("/"))
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/200")
        if status == 503:
            self.send_header("Retry-After", "120")
        self.end_headers()
        try:
            self.wfile.write(b"x" * 1_000_000)
        except OSError:
            return

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[tuple[str, TargetRules, list[tuple[str, dict[str, str], bytes]]]]:
    handler = type("Own", (Receiver,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    port = int(server.server_address[1])
    try:
        yield f"http://127.0.0.1:{port}", TargetRules(True, (port,), ("127.0.0.1",)), handler.seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_delivery_is_signed_over_its_time_and_body() -> None:
    with receiver() as (url, rules, seen):
        assert deliver(f"{url}/200", "secret", b'{"id":"1"}', rules, seconds=5).failure == ""
    path, headers, body = seen[0]
    assert (path, body) == ("/200", b'{"id":"1"}')
    assert headers["Content-Type"] == "application/cloudevents+json; charset=UTF-8"
    at, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert abs(int(at) - time.time()) < 10
    assert digest == hmac.new(b"secret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_a_signature_is_of_one_moment_one_body_one_key() -> None:
    signatures = {sign("k", b"a", 1), sign("k", b"a", 2), sign("k", b"b", 1), sign("l", b"a", 1)}
    assert len(signatures) == 4


@pytest.mark.parametrize(
    ("path", "failure"),
    [("302", "HTTP status 302; redirects are not followed"), ("307", "HTTP status 307; redirects are not followed"),
     ("404", "HTTP status 404"), ("500", "HTTP status 500")],
)  # fmt: skip
def test_what_is_no_success(path: str, failure: str) -> None:
    with receiver() as (url, rules, seen):
        assert deliver(f"{url}/{path}", "s", b"{}", rules, seconds=5).failure == failure
    assert len(seen) == 1


def test_a_target_says_when_to_come_back() -> None:
    with receiver() as (url, rules, _):
        assert deliver(f"{url}/503", "s", b"{}", rules, seconds=5).retry_after == 120


def test_a_target_that_answers_drop_by_drop_is_left() -> None:
    with receiver() as (url, rules, _):
        begun = time.monotonic()
        result = deliver(f"{url}/slow", "s", b"{}", rules, seconds=0.3)
        assert time.monotonic() - begun < 2
    assert result.failure == "no answer in 0.3 seconds"


def test_a_forbidden_target_is_never_connected_to() -> None:
    with receiver() as (url, rules, seen):
        result = deliver(f"{url}/200", "s", b"{}", TargetRules(True, rules.ports), seconds=5)
    assert "private, loopback" in result.failure
    assert seen == []


def test_nobody_there() -> None:
    rules = TargetRules(True, (9,), ("127.0.0.1",))
    assert deliver("http://127.0.0.1:9/", "s", b"{}", rules, seconds=1).failure.startswith("connection failed")
