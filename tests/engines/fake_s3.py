"""A small S3 server in this process that can misbehave in every way the real ones were seen to.

Good enough for what Filmjacket asks of a store: put, ranged get, head, delete, bulk delete, list and multipart. It
checks no signatures.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Manners:
    """What the server does wrong; tests change it while the server runs."""

    honours_create: bool = True
    create_status: int = 412
    range_status: int = 206
    honours_suffix: bool = True
    bulk_delete: bool = True
    fail: Callable[[str, str], int | None] = lambda _method, _target: None
    """Status to answer instead, by method and target."""
    stall_seconds: float = 0.0
    truncate: bool = False
    """Send less than announced, then close."""
    latency: float = 0.0


@dataclass
class Upload:
    """A multipart upload that is not complete."""

    path: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class FakeS3:
    """Objects in memory behind an HTTP port of the loopback address."""

    def __init__(self) -> None:
        self.manners = Manners()
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.modified: dict[str, float] = {}
        self.uploads: dict[str, Upload] = {}
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        self._number = 0
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        """Endpoint for clients."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        fake = self

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that go away are expected."""

            def process_request(self, request: socket.socket, client_address: object) -> None:
                request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                super().process_request(request, client_address)

        class Handler(_Handler):
            server_of = fake

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on; what clients have kept open dies with the next request."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._server is not None

    def next_upload(self) -> str:
        with self.lock:
            self._number += 1
            return f"upload{self._number}"

    def count(self, method: str) -> int:
        """Requests with this method so far."""
        return Counter(name for name, _ in self.requests)[method]

    def keys(self) -> set[str]:
        """Paths of all objects, bucket included."""
        return set(self.objects)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: FakeS3
    wbufsize = 1 << 16

    def log_message(self, *args: object) -> None:
        """Tests are quiet."""

    def _begin(self) -> bool:
        """Read the request; False if it was answered already."""
        fake = self.server_of
        if not fake.running:
            self.close_connection = True
            return False
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.key = unquote(parts.path).lstrip("/")
        self.query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        with fake.lock:
            fake.requests.append((self.command, self.path))
            if "Range" in self.headers:
                fake.ranges.append(self.headers["Range"])
        manners = fake.manners
        if manners.stall_seconds:
            time.sleep(manners.stall_seconds)
        if manners.latency:
            time.sleep(manners.latency)
        status = manners.fail(self.command, self.path)
        if status is not None:
            self._error(status, "InternalError")
            return False
        return True

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._send(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def _kept_headers(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.headers.items()
            if name.lower() == "content-type" or name.lower().startswith("x-amz-server-side")
        }

    def do_PUT(self) -> None:
        if not self._begin():
            return
        fake = self.server_of
        tag = f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'
        if "uploadId" in self.query:
            upload = fake.uploads.get(self.query["uploadId"])
            if upload is None:
                self._error(404, "NoSuchUpload")
                return
            upload.parts[int(self.query["partNumber"])] = self.body
        else:
            if self.headers.get("If-None-Match") == "*" and fake.manners.honours_create:
                if fake.manners.create_status != 412:
                    self._error(fake.manners.create_status, "NotImplemented")
                    return
                if self.key in fake.objects:
                    self._error(412, "PreconditionFailed")
                    return
            self._keep(self.key, self.body, self._kept_headers())
        self._send(200, headers={"ETag": tag})

    def _keep(self, key: str, body: bytes, headers: dict[str, str]) -> None:
        fake = self.server_of
        fake.objects[key] = body
        fake.headers[key] = headers
        fake.modified[key] = time.time()

    def do_POST(self) -> None:
        if not self._begin():
            return
        fake = self.server_of
        if "uploads" in self.query:
            identifier = fake.next_upload()
            fake.uploads[identifier] = Upload(self.key, self._kept_headers())
            text = f"<UploadId>{identifier}</UploadId>"
            self._send(200, f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>".encode())
        elif "uploadId" in self.query:
            upload = fake.uploads.pop(self.query["uploadId"], None)
            if upload is None:
                self._error(404, "NoSuchUpload")
                return
            self._keep(upload.path, b"".join(upload.parts[number] for number in sorted(upload.parts)), upload.headers)
            text = '<ETag>"x"</ETag><Key>x</Key><Bucket>b</Bucket><Location>x</Location>'
            self._send(200, f"<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>".encode())
        elif not fake.manners.bulk_delete:
            self._error(501, "NotImplemented")
        else:
            bucket = self.key.split("/")[0]
            for key in re.findall(r"<Key>(.*?)</Key>", self.body.decode()):
                fake.objects.pop(f"{bucket}/{key}", None)
            self._send(200, b"<DeleteResult></DeleteResult>")

    def do_DELETE(self) -> None:
        if not self._begin():
            return
        if "uploadId" in self.query:
            self.server_of.uploads.pop(self.query["uploadId"], None)
        else:
            self.server_of.objects.pop(self.key, None)
        self._send(204)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self._begin():
            return
        if "list-type" in self.query:
            self._list()
            return
        fake = self.server_of
        body = fake.objects.get(self.key)
        if body is None:
            self._error(404, "NoSuchKey")
            return
        status, headers = 200, {"ETag": '"x"', "Last-Modified": formatdate(fake.modified[self.key], usegmt=True)}
        headers |= fake.headers[self.key]
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted and (wanted[1] or fake.manners.honours_suffix):
            total = len(body)
            first = int(wanted[1]) if wanted[1] else max(total - int(wanted[2]), 0)
            last = min(int(wanted[2]), total - 1) if wanted[1] and wanted[2] else total - 1
            if first >= total:
                self._error(416, "InvalidRange")
                return
            body = body[first : last + 1]
            status = fake.manners.range_status
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        if fake.manners.truncate:
            headers["Content-Length"] = str(len(body))
            self._send(status, body[: len(body) // 2], headers)
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, body, headers)

    def _list(self) -> None:
        fake = self.server_of
        bucket = self.key.rstrip("/")
        prefix = self.query.get("prefix", "")
        after = self.query.get("continuation-token") or self.query.get("start-after") or ""
        names = sorted(key.removeprefix(f"{bucket}/") for key in list(fake.objects) if key.startswith(f"{bucket}/"))
        names = [name for name in names if name.startswith(prefix) and name > after]
        page = names[:100]
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>"
            f"{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(fake.modified[f'{bucket}/{name}']))}"
            f"</LastModified><ETag>x</ETag><Size>{len(fake.objects[f'{bucket}/{name}'])}</Size></Contents>"
            for name in page
        )
        more = len(names) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}"
        self._send(200, f"<ListBucketResult>{text}</ListBucketResult>".encode())
