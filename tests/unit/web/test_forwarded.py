"""Base URL of the service: RFC 7239, RFC 9110 7.2; clients leave out the port, proxies rewrite everything."""

from __future__ import annotations

import pytest

from filmjacket.errors import BadRequest
from filmjacket.web.forwarded import Forwarded, base_url, forwarded_origin, parse_forwarded


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Forwarded()),
        ({"forwarded": "for=192.0.2.60;proto=https;host=pacs.example.org"}, Forwarded("https", "pacs.example.org")),
        ({"forwarded": 'For="[2001:db8::1]"; Proto=HTTPS ; Host="pacs.example.org:8443"'}, Forwarded("https",
        "pacs.example.org:8443")),
        ({"forwarded": "host=first.example.org;proto=https, host=second;proto=http"}, Forwarded("https",
        "first.example.org")),
        ({"forwarded": 'for="a,b";host=x.org, host=y.org'}, Forwarded(None, "x.org")),
        ({"forwarded": "proto=ftp;host=x.org"}, Forwarded(None, "x.org")),
        ({"forwarded": "nonsense"}, Forwarded()),
        ({"forwarded": "host=" + "a" * 1000}, Forwarded()),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "pacs.example.org"}, Forwarded("https",
        "pacs.example.org")),
        ({"x-forwarded-proto": "https, http", "x-forwarded-host": "a.org, b.org"}, Forwarded("https", "a.org")),
        ({"x-forwarded-host": "a.org", "x-forwarded-port": "8443"}, Forwarded(None, "a.org:8443")),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "a.org", "x-forwarded-port": "443"},
        Forwarded("https", "a.org")),
        ({"x-forwarded-host": "a.org", "x-forwarded-port": "80"}, Forwarded(None, "a.org")),
        ({"x-forwarded-proto": "http", "x-forwarded-host": "a.org", "x-forwarded-port": "443"},
        Forwarded("http", "a.org:443")),
        ({"x-forwarded-host": "a.org:1", "x-forwarded-port": "8443"}, Forwarded(None, "a.org:1")),
        ({"x-forwarded-host": "a.org", "x-forwarded-port": "x"}, Forwarded(None, "a.org")),
        ({"x-forwarded-host": "[2001:db8::1]:8443"}, Forwarded(None, "[2001:db8::1]:8443")),
        ({"x-forwarded-host": "a.org/evil"}, Forwarded()),
        ({"x-forwarded-host": 'a"b'}, Forwarded()),
        ({"x-forwarded-host": "user@a.org"}, Forwarded()),
        ({"x-forwarded-proto": "javascript"}, Forwarded()),
        ({"x-forwarded-prefix": "/archive"}, Forwarded(prefix="/archive")),
        ({"x-forwarded-prefix": "/a/b/"}, Forwarded(prefix="/a/b")),
        ({"x-forwarded-prefix": "/a/../b"}, Forwarded()),
        ({"x-forwarded-prefix": "//evil.org"}, Forwarded()),
        ({"x-forwarded-prefix": "archive"}, Forwarded()),
        ({"x-forwarded-prefix": '/a"b'}, Forwarded()),
        ({"forwarded": "host=a.org", "x-forwarded-host": "b.org", "x-forwarded-port": "1"}, Forwarded(None, "a.org")),
        ({"forwarded": "proto=https", "x-forwarded-host": "b.org", "x-forwarded-prefix": "/p"},
        Forwarded("https", "b.org", "/p")),
    ],
)  # fmt: skip
def test_rfc_7239_forwarded(headers, expected):
    assert parse_forwarded(headers) == expected


HEADERS = {"x-forwarded-host": "pacs.example.org"}


@pytest.mark.parametrize(
    ("peer", "trusted", "believed"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("10.1.2.3", ("10.1.2.3",), True),
        ("10.1.2.3", ("192.168.0.0/16", "10.1.0.1/16"), True),
        ("::1", ("::1",), True),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("10.1.2.3", (), False),
        (None, ("0.0.0.0/0",), False),
        ("unix:", ("0.0.0.0/0",), False),
        ("::1", ("127.0.0.1",), False),
    ],
)
def test_headers_count_only_from_trusted_proxies(peer, trusted, believed):
    expected = Forwarded(host="pacs.example.org") if believed else None
    assert forwarded_origin(HEADERS, peer=peer, trusted=trusted) == expected


def test_a_trusted_proxy_that_says_nothing():
    assert forwarded_origin({"host": "x"}, peer="10.1.2.3", trusted=("10.0.0.0/8",)) is None


def url(host="localhost:8104", *, scheme="http", listening=("127.0.0.1", 8104), path="/dicom-web", **more):
    return base_url(scheme=scheme, host=host, listening=listening, path=path, **more)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8104", "http://localhost:8104/dicom-web"),
        ("127.0.0.1", "http://127.0.0.1:8104/dicom-web"),  # as dicomweb-client sends it
        ("pacs.example.org:80", "http://pacs.example.org:80/dicom-web"),
        ("[::1]", "http://[::1]:8104/dicom-web"),
        ("[::1]:9", "http://[::1]:9/dicom-web"),
        (" localhost:1 ", "http://localhost:1/dicom-web"),
        (None, "http://127.0.0.1:8104/dicom-web"),
        ("", "http://127.0.0.1:8104/dicom-web"),
    ],
)
def test_host_header_and_listening_port(host, expected):
    assert url(host) == expected


@pytest.mark.parametrize(
    ("scheme", "port", "expected"),
    [
        ("http", 80, "http://pacs/dicom-web"),
        ("https", 443, "https://pacs/dicom-web"),
        ("https", 80, "https://pacs:80/dicom-web"),
        ("http", 443, "http://pacs:443/dicom-web"),
    ],
)
def test_default_ports_stay_out(scheme, port, expected):
    assert url("pacs", scheme=scheme, listening=("0.0.0.0", port)) == expected


@pytest.mark.parametrize(
    ("address", "host"), [("0.0.0.0", "localhost"), ("::", "localhost"), ("", "localhost"), ("::1", "[::1]")]
)
def test_without_host_the_listening_address(address, host):
    assert url(None, listening=(address, 8104)) == f"http://{host}:8104/dicom-web"


@pytest.mark.parametrize(
    "host",
    [
        "a/b",
        'a"b',
        "a b",
        "user@a",
        "a:b",
        "a:123456",
        "a\r\nb",
        "<script>",
        "[::1",
        "ä",
        "a?b",
        "a#b",
        "-",
        "x" * 300,
        "a\\b",
        ":80",
    ],
)
def test_host_headers_that_would_end_up_in_urls(host):
    for forwarded in (None, Forwarded(scheme="https")):
        with pytest.raises(BadRequest) as refusal:
            url(host, forwarded=forwarded)
        assert refusal.value.offender == "Host"


@pytest.mark.parametrize(
    ("forwarded", "host", "expected"),
    [
        (Forwarded("https", "pacs.example.org"), "backend:8104", "https://pacs.example.org/dicom-web"),
        (Forwarded("https", "pacs.example.org", "/archive"), "backend", "https://pacs.example.org/archive/dicom-web"),
        (Forwarded("https"), "pacs.example.org", "https://pacs.example.org/dicom-web"),
        (Forwarded(None, "pacs.example.org:8080"), "backend", "http://pacs.example.org:8080/dicom-web"),
        (Forwarded(None, None, "/archive"), "pacs.example.org", "http://pacs.example.org/archive/dicom-web"),
        (Forwarded("https"), None, "https://127.0.0.1:8104/dicom-web"),
    ],
)
def test_behind_a_proxy(forwarded, host, expected):
    assert url(host, forwarded=forwarded) == expected


@pytest.mark.parametrize("configured", ["https://pacs.example.org/x", "https://pacs.example.org/x/"])
def test_a_configured_root_wins(configured):
    assert (
        url('any"thing', configured=configured, forwarded=Forwarded("http", "y"))
        == "https://pacs.example.org/x/dicom-web"
    )


@pytest.mark.parametrize(("path", "expected"), [("", "http://h:1"), ("/", "http://h:1"), ("/a/", "http://h:1/a")])
def test_no_trailing_slash(path, expected):
    assert url("h:1", path=path) == expected
