"""PS3.18 8.1, 10.5 on real servers: framing of HTTP/1.1 and HTTP/2, and what only a socket can do wrong."""

from __future__ import annotations

import gzip
import json
import socket
import time
import urllib.request
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest
from tests.conformance.wire import blobs_of, chunked
from tests.samples import multipart, series, uids

if TYPE_CHECKING:
    from tests.conftest import Server

pytestmark = pytest.mark.slow


def stored(server: Server) -> set[str]:
    with urllib.request.urlopen(f"{server.url}/instances", timeout=10) as answer:
        return {row["00080018"]["Value"][0] for row in json.load(answer)}


def exchange(server: Server, request: bytes, *, close_early: bool = False) -> bytes:
    """Send bytes over a socket of their own; b"" if the server drops the connection without an answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        try:
            connection.sendall(request)
            if close_early:
                return b""
            return connection.recv(65_536)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def test_store_in_every_framing(server: Server) -> None:
    files = series(6, "MR_small.dcm")
    expected: set[str] = set()
    with httpx.Client(timeout=20) as http1:
        for number, file in enumerate(files[:4]):
            body, headers = multipart(file)
            if number == 1:
                content = chunked(body, 1000)
            elif number == 2:
                content, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
            elif number == 3:
                content, headers = file, {"Content-Type": "application/dicom"}
            else:
                content = body
            answer = http1.post(f"{server.url}/studies", content=content, headers=headers)
            assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
            expected.add(uids(file)[2])
    assert stored(server) == expected


def test_store_over_http_2(server: Server) -> None:
    with httpx.Client(timeout=20, http1=False, http2=True) as http2:
        try:
            http2.get(f"{server.url}/studies", headers={"Accept": "*/*"})
        except httpx.HTTPError:
            pytest.skip("this server speaks HTTP/2 over TLS or not at all")
        files = series(2, "MR_small.dcm")
        body, headers = multipart(*files)
        for content in (body, chunked(body, 1000)):
            answer = http2.post(f"{server.url}/studies", content=content, headers=headers)
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        refused = http2.post(f"{server.url}/studies", content=body, headers={"Content-Type": "text/plain"})
        assert refused.status_code == 415
    assert stored(server) == {uids(file)[2] for file in files}


def test_what_only_a_socket_can_do_wrong(server: Server) -> None:
    """Refused or dropped, nothing stored, and the next request is served."""
    path = server.url.partition(str(server.port))[2]
    body, headers = multipart(*series(3, "MR_small.dcm"))
    line = f"Host: 127.0.0.1:{server.port}\r\nContent-Type: {headers['Content-Type']}\r\n"
    post = f"POST {path}/studies HTTP/1.1\r\n{line}".encode()
    size = f"Content-Length: {len(body)}\r\n\r\n".encode()
    chunks = b"Transfer-Encoding: chunked\r\n\r\n"
    bad = {
        "connection lost in the body": (post + size + body[: len(body) // 2], True),
        "connection lost in a chunk": (post + chunks + b"%x\r\n" % len(body) + body[:999], True),
        "chunk size that is none": (post + chunks + b"zz\r\n" + body, False),
        "chunk size beyond 64 bits": (post + chunks + b"f" * 40 + b"\r\n" + body, False),
        "two lengths": (post + b"Content-Length: 5\r\n" + size + body, False),
        "negative length": (post + b"Content-Length: -1\r\n\r\n" + body, False),
        "long request line": (f"GET {path}/studies?a={'1' * 10_000_000} HTTP/1.1\r\n{line}\r\n".encode(), False),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), False),
        "path climbs": (f"GET {path}/studies/../../../../etc/passwd HTTP/1.1\r\n{line}\r\n".encode(), False),
        "path climbs encoded": (f"GET {path}/studies/%2e%2e%2f%2e%2e HTTP/1.1\r\n{line}\r\n".encode(), False),
    }  # fmt: skip
    for what, (request, close_early) in bad.items():
        answer = exchange(server, request, close_early=close_early)
        status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"dropped"
        assert status.startswith(b"4") or status == b"dropped", (what, answer[:300])
    for flood in (b"".join(b"X-%d: 1\r\n" % number for number in range(5000)), b"X-Long: " + b"a" * 500_000 + b"\r\n"):
        answer = exchange(server, f"GET {path}/studies HTTP/1.1\r\n{line}".encode() + flood + b"\r\n")
        assert not answer.startswith(b"HTTP/1.1 5"), "how much a server takes is its own choice"
    deadline = time.monotonic() + 5
    while blobs_of(server.data) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored(server) == set()
    assert blobs_of(server.data) == []
    file = series(1, "MR_small.dcm")[0]
    good, headers = multipart(file)
    assert httpx.post(f"{server.url}/studies", content=good, headers=headers).status_code == 200
