"""The public address in every URL that the server writes: Host, proxies, configuration (8.4.3; pains 11 and 12)."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests import samples
from tests.conftest import Server, free_port, start_server
from tests.payloads import AS_STORED, parts_of

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "/dicom-web"
PROXY = "10.0.0.7"
CT = samples.sample("CT_small.dcm")


@contextmanager
def application(data: Path, peer: str = PROXY, **changes: object) -> Iterator[TestClient]:
    """The application as a peer at this address sees it."""
    app = create_app(Settings(data=data / "archive", **changes))
    with TestClient(app, base_url="http://testserver:8104", client=(peer, 40000)) as client:
        client.headers["Accept"] = "*/*"
        yield client


def written_urls(client: TestClient, **headers: str) -> set[str]:
    """Everything that the server writes URLs in, reduced to what stands before `/studies/`."""
    path = samples.instance_path(CT)
    stored = client.post(f"{BASE}/studies", content=CT, headers={"Content-Type": "application/dicom", **headers})
    found = [stored.headers["location"], stored.headers["content-location"]]
    found += [stored.json()["00081190"]["Value"][0], stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]]
    for search in ("/studies", "/series", "/instances"):
        found.append(client.get(BASE + search, headers=headers).json()[0]["00081190"]["Value"][0])
    found.append(client.get(f"{BASE}{path}/metadata", headers=headers).json()[0]["7FE00010"]["BulkDataURI"])
    for below, accept in [
        ("", AS_STORED),
        ("", "application/dicom"),
        ("/frames/1", "*/*"),
        ("/bulkdata/7FE00010", "*/*"),
    ]:
        (part,) = parts_of(client.get(f"{BASE}{path}{below}", headers={"Accept": accept or "*/*", **headers}))
        found.append(part.location)
    return {url.partition("/studies/")[0] for url in found}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://testserver:8104/dicom-web"),
        ({"Host": "pacs.example.org:8080"}, "http://pacs.example.org:8080/dicom-web"),
        ({"Host": "[::1]:8104"}, "http://[::1]:8104/dicom-web"),
        # dicomweb-client leaves the port out of Host (clients.md 1)
        ({"Host": "127.0.0.1"}, "http://127.0.0.1:8104/dicom-web"),
        (
            {"Host": "pacs.example.org", "X-Forwarded-Host": "evil.example.org"},
            "http://pacs.example.org:8104/dicom-web",
        ),
        (
            {"Host": "a.example.org", "Forwarded": "host=evil.example.org;proto=https"},
            "http://a.example.org:8104/dicom-web",
        ),
    ],
)
def test_without_a_trusted_proxy_the_host_header_counts(tmp_path: Path, headers: dict[str, str], expected: str) -> None:
    with application(tmp_path) as client:
        assert written_urls(client, **headers) == {expected}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example.org"},
            "https://pacs.example.org/dicom-web",
        ),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example.org", "X-Forwarded-Port": "8443"},
            "https://pacs.example.org:8443/dicom-web",
        ),
        ({"X-Forwarded-Proto": "https", "Host": "pacs.example.org"}, "https://pacs.example.org/dicom-web"),
        (
            {"Forwarded": 'for=192.0.2.1;proto=https;host="pacs.example.org:444", for=10.0.0.1;proto=http;host=inner'},
            "https://pacs.example.org:444/dicom-web",
        ),
        (
            {"X-Forwarded-Host": "pacs.example.org, inner", "X-Forwarded-Proto": "https, http"},
            "https://pacs.example.org/dicom-web",
        ),
        (
            {"X-Forwarded-Host": "pacs.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/hospital"},
            "https://pacs.example.org/hospital/dicom-web",
        ),
        ({"X-Forwarded-Host": "bad host/../", "Host": "ok.example.org:81"}, "http://ok.example.org:81/dicom-web"),
    ],
)
def test_a_trusted_proxy_says_what_it_was_asked_for(tmp_path: Path, headers: dict[str, str], expected: str) -> None:
    with application(tmp_path, trusted_proxies=("10.0.0.0/24",)) as client:
        assert written_urls(client, **headers) == {expected}


def test_forwarded_headers_of_others_are_not_believed(tmp_path: Path) -> None:
    headers = {"X-Forwarded-Host": "evil.example.org", "Forwarded": "host=evil.example.org"}
    with application(tmp_path, peer="192.0.2.9", trusted_proxies=("10.0.0.0/24",)) as client:
        assert written_urls(client, **headers) == {"http://testserver:8104/dicom-web"}


def test_a_configured_root_is_always_right(tmp_path: Path) -> None:
    with application(
        tmp_path, public_url="https://pacs.example.org/imaging", trusted_proxies=("10.0.0.0/24",)
    ) as client:
        headers = {"Host": "other", "X-Forwarded-Host": "third.example.org"}
        assert written_urls(client, **headers) == {"https://pacs.example.org/imaging/dicom-web"}


@pytest.mark.parametrize("host", ["evil.example.org/path", "a b", "x@y", "host:port", "host:123456", '"><script>'])
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str) -> None:
    """The header is copied into URLs, so it may hold nothing but a host."""
    with application(tmp_path) as client:
        response = client.get(f"{BASE}/studies", headers={"Host": host})
        assert response.status_code == 400
        assert response.json()["offender"] == "Host"


def test_another_base_path(tmp_path: Path) -> None:
    with application(tmp_path, base_path="/dicom") as client:
        response = client.post("/dicom/studies", content=CT, headers={"Content-Type": "application/dicom"})
        assert response.headers["location"].startswith("http://testserver:8104/dicom/studies/")
        assert client.get(f"{BASE}/studies").status_code == 404


# Real sockets --------------------------------------------------------------------------------------------------


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


class RewritingProxy(BaseHTTPRequestHandler):
    """A reverse proxy that serves the archive under another path, as nginx with `location /pacs/` does."""

    def forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        upstream = self.server.upstream
        headers = {
            "Host": f"127.0.0.1:{upstream}",
            "X_Forwarded_Host": self.headers["Host"],
            "X_Forwarded_Proto": "http",
            "X_Forwarded_Prefix": "/pacs",
            "Accept": self.headers.get("Accept", "*/*"),
            "Content_Type": self.headers.get("Content-Type", "application/octet-stream"),
        }
        response, content = request(upstream, self.command, self.path.removeprefix("/pacs"), body, **headers)
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = forward  # noqa: N815 - the names that BaseHTTPRequestHandler calls

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, Server]]:
    running = start_server(tmp_path / "archive", FILMJACKET_TRUSTED_PROXIES="127.0.0.1")
    front = ThreadingHTTPServer(("127.0.0.1", free_port()), RewritingProxy)
    front.upstream = running.port
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    yield front.server_address[1], running
    front.shutdown()
    thread.join()
    front.server_close()
    running.stop()


def test_every_url_leads_back_through_a_path_rewriting_proxy(proxy: tuple[int, Server]) -> None:
    port, _ = proxy
    root = f"http://127.0.0.1:{port}/pacs{BASE}"
    prefix = f"http://127.0.0.1:{port}"
    stored, _ = request(port, "POST", f"/pacs{BASE}/studies", CT, Content_Type="application/dicom")
    assert stored.headers["Location"].startswith(root + "/studies/")
    metadata, content = request(port, "GET", stored.headers["Location"].removeprefix(prefix) + "/metadata")
    assert metadata.status == 200
    uri = json.loads(content)[0]["7FE00010"]["BulkDataURI"]
    assert uri.startswith(root)
    bulk, value = request(port, "GET", uri.removeprefix(prefix), Accept="*/*")
    assert (bulk.status, len(value)) == (200, 128 * 128 * 2)
    assert bulk.headers["Content-Location"] == uri
