"""Requests byte for byte: what client libraries would tidy up on the way (paths, queries, chunks)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from starlette.testclient import TestClient

BASE = "/dicom-web"


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = self.headers.get(name)
        return values[0] if values else None


def send(
    client: TestClient,
    target: str | bytes,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    chunks: Iterable[bytes] = (),
) -> Answer:
    """Send one request whose target (below the base path) and body chunks arrive exactly as given."""
    raw = BASE.encode() + (target.encode("latin-1") if isinstance(target, str) else target)
    path, _, query = raw.partition(b"?")
    fields = {"host": "testserver:8104", "accept": "*/*"} | {k.lower(): v for k, v in (headers or {}).items()}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("testclient", 50000),
        "server": ("testserver", 8104),
        "extensions": {},
        "state": client.app_state.copy(),
    }
    body = iter(chunks)
    got: dict[str, Any] = {"status": 0, "headers": {}, "body": b""}

    async def receive() -> dict[str, Any]:
        chunk = next(body, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def collect(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            got["status"] = message["status"]
            for name, value in message["headers"]:
                got["headers"].setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
        else:
            got["body"] += message.get("body", b"")

    async def run() -> None:
        await client.app(scope, receive, collect)

    assert client.portal is not None
    client.portal.call(run)
    return Answer(got["status"], got["headers"], got["body"])


def chunked(body: bytes, size: int) -> Iterable[bytes]:
    """The body in chunks of `size` bytes."""
    return (body[start : start + size] for start in range(0, len(body), size))


def blobs_of(data: Path) -> list[Path]:
    """Every file below the blob folder of an archive, staging files included."""
    return [path for path in (data / "blobs").rglob("*") if path.is_file()]


def kept_blobs(client: TestClient) -> list[bytes]:
    """The bytes of every blob in the store of an archive, wherever that is."""
    blobs = client.app_state["context"].blobs
    return [b"".join(blobs.chunks(key)) for key in blobs.keys()]  # noqa: SIM118 - a port, no dict


def stored_uids(client: TestClient) -> set[str]:
    """SOP Instance UIDs of everything in the archive."""
    answer = send(client, "/instances")
    assert answer.status == 200
    return {row["00080018"]["Value"][0] for row in answer.json()}
