"""PS3.18 8.6.3 and 8.5: no refusal without an explanation; RFC 9457, for programs and for people."""

from __future__ import annotations

import socket
from contextlib import suppress
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from starlette.testclient import TestClient
from tests.conformance.shelf import open_shelf

from filmjacket.index.sql_index import SqlIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Server

BASE = "/dicom-web"
JSON, XML, HTML = "application/problem+json", "application/problem+xml", "text/html; charset=utf-8"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SCRIPT = "<script>alert(1)</script>"
NAMESPACE = {"p": "urn:ietf:rfc:7807"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with open_shelf(tmp_path_factory.mktemp("shelf") / "archive") as opened:
        yield opened.client


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("application/dicom+json", JSON),
        ("application/json", JSON),
        ("application/problem+json, application/dicom+json", JSON),
        ("image/jpeg", JSON),
        ('multipart/related; type="application/dicom"', JSON),
        ("", JSON),
        ("complete rubbish", JSON),
        ("application/problem+xml", XML),
        ("application/dicom+xml", XML),
        ('multipart/related; type="application/dicom+xml"', XML),
        ("application/xml", XML),
        ("text/xml", XML),
        ("application/dicom+json;q=0.5, application/dicom+xml", XML),
        ("text/html", HTML),
        ("text/*", HTML),
        (BROWSER, HTML),
        ("application/dicom+json, text/html;q=0.5", JSON),
        ("text/html;q=0, */*", JSON),
    ],
)
def test_the_reader_gets_what_it_can_read(client: TestClient, accept: str, expected: str) -> None:
    response = client.get(f"{BASE}/nothing", headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (404, expected)
    assert response.headers["vary"] == "Accept, Accept-Charset, Accept-Encoding"
    assert response.headers["cache-control"] == "no-store"


def test_the_three_forms_say_the_same(client: TestClient) -> None:
    path = f"{BASE}/studies/1.2.3/metadata?limit=x"
    response = client.get(f"{BASE}/studies?limit=x", headers={"Accept": "application/json"})
    members = response.json()
    assert members.pop("instance") == f"urn:filmjacket:request:{response.headers['x-request-id']}"
    assert (members["status"], members["title"], members["offender"]) == (400, "Bad Request", "limit")
    assert members["accepted"]
    document = etree.fromstring(
        client.get(f"{BASE}/studies?limit=x", headers={"Accept": "application/problem+xml"}).content
    )
    assert document.tag == "{urn:ietf:rfc:7807}problem"
    for name, value in members.items():
        found = document.xpath(f"p:{name}", namespaces=NAMESPACE)[0]
        items = [item.text for item in found.xpath("p:i", namespaces=NAMESPACE)]
        assert (items or found.text) == (value if isinstance(value, list) else str(value))
    page = client.get(f"{BASE}/studies?limit=x", headers={"Accept": "text/html"}).text
    text = text_of(page)
    for value in (members["detail"], members["section"], "limit", *members["accepted"]):
        assert value in text
    assert client.get(path).status_code == 404


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in attrs), "self-contained"
        self.tags.append(tag)


def text_of(page: str) -> str:
    parser = Text()
    parser.feed(page)
    assert "script" not in parser.tags
    return "".join(parser.text)


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/{SCRIPT}",
        f"{BASE}/studies?{SCRIPT}=1",
        f"{BASE}/studies?limit={SCRIPT}",
        f"{BASE}/studies?NoSuchKeyword<img%20src=x>=1",
        f"{BASE}/studies?Patient{SCRIPT}=1",
        f"{BASE}/studies?includefield=%ZZ{SCRIPT}",
        f"{BASE}/studies/{SCRIPT}",
        f"{BASE}/studies/1/series/1/instances/1/frames/{SCRIPT}",
        f"{BASE}/studies?accept={SCRIPT}",
    ],
)
def test_nothing_of_a_request_becomes_markup(client: TestClient, path: str) -> None:
    response = client.get(path, headers={"Accept": BROWSER})
    assert SCRIPT not in response.text
    assert "<img" not in response.text
    if response.status_code >= 400:
        text_of(response.text)
        assert "script-src" not in response.headers["content-security-policy"]
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["x-content-type-options"] == "nosniff"


REFUSALS = {
    "unknown path": ("GET", "/nothing", {}, b"", 404),
    "unknown path below the base": ("GET", f"{BASE}/nothing", {}, b"", 404),
    "no such study": ("GET", f"{BASE}/studies/1.2.3", {}, b"", 404),
    "method": ("PUT", f"{BASE}/studies", {}, b"x", 405),
    "method of a health check": ("POST", "/healthz", {}, b"x", 405),
    "path encoding": ("GET", f"{BASE}/studies/%ff", {}, b"", 400),
    "bare percent": ("GET", f"{BASE}/studies/%", {}, b"", 400),
    "parameter": ("GET", f"{BASE}/studies?limit=x", {}, b"", 400),
    "media type": ("GET", f"{BASE}/studies", {"Accept": "image/jpeg"}, b"", 406),
    "payload type": ("POST", f"{BASE}/studies", {"Content-Type": "text/plain"}, b"x", 415),
    "payload": ("POST", f"{BASE}/studies", {"Content-Type": "multipart/related"}, b"x", 400),
    "long path": ("GET", f"{BASE}/{'x' * 62_000}", {}, b"", 414),
    "large header": ("GET", f"{BASE}/studies", {"X-Large": "x" * 70_000}, b"", 431),
    "many headers": ("GET", f"{BASE}/studies", {f"X-{number}": "x" * 100 for number in range(1000)}, b"", 431),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_explains_itself(client: TestClient, name: str) -> None:
    method, path, headers, body, status = REFUSALS[name]
    response = client.request(method, path, headers={"Accept": "*/*"} | headers, content=body)
    assert (response.status_code, response.headers["content-type"]) == (status, JSON)
    problem = response.json()
    assert problem["detail"].endswith(".")
    assert problem["section"]
    assert ("allow" in response.headers) == (status == 405)
    assert int(response.headers["content-length"]) == len(response.content)
    head = client.request("HEAD", path, headers=headers) if method == "GET" else None
    if head is not None:
        assert (head.status_code, head.content) == (status, b"")


def test_a_refused_header_is_named(client: TestClient) -> None:
    response = client.get(f"{BASE}/studies", headers={"X-Large": "x" * 70_000})
    assert (response.status_code, response.json()["offender"]) == (431, "x-large")


def test_the_bound_of_headers_is_a_setting(make_client: Callable[..., TestClient]) -> None:
    client = make_client(limits={"header_bytes": 8192})
    assert client.get(f"{BASE}/studies", headers={"X-Large": "x" * 7000}).status_code == 200
    assert client.get(f"{BASE}/studies", headers={"X-Large": "x" * 9000}).status_code == 431


class TestOverTheWire:
    """What only a real HTTP server can refuse."""

    @pytest.mark.parametrize("size", [100_000, 20_000_000])
    def test_large_header_sections_end_in_431(self, server: Server, size: int) -> None:
        answer = ask(server, b"GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ", b"x" * size)
        assert answer.startswith(b"HTTP/1.1 431 ")

    def test_the_server_goes_on(self, server: Server) -> None:
        for request in (b"G@T / HTTP/1.1\r\n\r\n", b"GET HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"):
            assert ask(server, request, b"").startswith(b"HTTP/1.1 400 ")
        request = b"GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        assert ask(server, request, b"").startswith(b"HTTP/1.1 200 ")


def ask(server: Server, head: bytes, rest: bytes) -> bytes:
    """Send bytes, whatever becomes of them, and return the beginning of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        with suppress(OSError):
            connection.sendall(head + rest + (b"\r\n\r\n" if rest else b""))
        with suppress(OSError):
            return connection.recv(4096)
    return b""


@pytest.mark.parametrize(("accept", "expected"), [("*/*", JSON), ("application/xml", XML), (BROWSER, HTML)])
def test_a_fault_of_the_server_explains_itself_without_details(
    make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, accept: str, expected: str
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("Doe^John")

    client = make_client()
    monkeypatch.setattr(SqlIndex, "instances", broken)
    monkeypatch.setattr(SqlIndex, "fingerprint", broken)
    quiet = TestClient(client.app, base_url="http://testserver:8104", raise_server_exceptions=False)
    quiet.portal, quiet.app_state = client.portal, client.app_state
    response = quiet.get(f"{BASE}/studies/1.2.3/metadata", headers={"Accept": accept})
    if accept == "*/*":
        assert (response.status_code, response.headers["content-type"]) == (500, expected)
    assert "Doe" not in response.text
    assert response.content
