"""What a store really honours, tried with a few small objects: stores differ, and some only seem to obey."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.blobs.s3_client import AlreadyThere, NotPartial
from filmjacket.errors import FilmjacketError, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.blobs.s3_client import S3Client

log = structlog.stdlib.get_logger("filmjacket.blobs")

PROBES: Final = "probes/"
"""Where objects of probes are, beside those of blobs."""

PROBE_BYTES: Final = 4096


class CreateOnly(StrEnum):
    """What a store does with a put that must not overwrite (`If-None-Match: *`). Nothing depends on it."""

    HONOURED = "honoured"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What was found. Ranges and invisible uploads are needed, hence always there."""

    create_only: CreateOnly
    suffix_ranges: bool


def probe(client: S3Client, part_bytes: int) -> Abilities:
    """Try everything; raises `Unavailable` for a store that cannot be used, now or ever, and says why."""
    key = f"{PROBES}{token_hex(16)}"
    content = token_bytes(PROBE_BYTES)
    client.put(key, content)
    try:
        _require(client.get(key, 0, PROBE_BYTES) == (content, PROBE_BYTES), "gives other bytes than it was given")
        _require(client.get(key, 100, 50) == (content[100:150], PROBE_BYTES), "answers a range with other bytes")
        abilities = Abilities(_try_create(client, key, content), _has_suffix_ranges(client, key, content))
        _try_parts(client, f"{key}-parts", part_bytes)
    finally:
        with suppress(FilmjacketError):
            client.delete((key, f"{key}-parts"))
    log.info("blob_store_probed", **{name: str(value) for name, value in asdict(abilities).items()})
    return abilities


def check_writing(client: S3Client) -> None:
    """Write and remove one small object; raises what that raises."""
    key = f"{PROBES}{token_hex(16)}"
    client.put(key, b"filmjacket")
    with suppress(FilmjacketError):
        client.delete((key,))


def _try_create(client: S3Client, key: str, content: bytes) -> CreateOnly:
    try:
        client.put(key, content[::-1], create=True)
    except AlreadyThere:
        unchanged = client.get(key, 0, PROBE_BYTES)[0] == content
        return CreateOnly.HONOURED if unchanged else CreateOnly.IGNORED
    except Unavailable:  # 501 for example
        return CreateOnly.REFUSED
    client.put(key, content)
    return CreateOnly.IGNORED


def _has_suffix_ranges(client: S3Client, key: str, content: bytes) -> bool:
    try:
        return client.get_suffix(key, 10) == content[-10:]
    except (Unavailable, NotFound):
        return False


def _try_parts(client: S3Client, key: str, part_bytes: int) -> None:
    content = token_bytes(PROBE_BYTES)

    def parts() -> Iterator[bytes]:
        yield content
        yield b""
        with suppress(NotFound):
            # The client runs in this thread, hence cannot be called from it.
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(client.size, key).result()
            raise UnusableStore("shows a multipart upload before it is complete")

    client.put_parts(key, parts(), part_bytes)
    _require(client.get(key, 0, 2 * PROBE_BYTES) == (content, PROBE_BYTES), "loses parts of multipart uploads")


def _require(condition: bool, lapse: str) -> None:  # noqa: FBT001 - reads like assert
    if not condition:
        raise UnusableStore(lapse)


class UnusableStore(Unavailable):
    """503: the store does something that loses or mixes up images."""

    reason_code = "blob-store-unusable"

    def __init__(self, lapse: str) -> None:
        super().__init__(f"The blob store cannot be used: it {lapse}.", offender="blobs", accepted=NotPartial.ACCEPTED)
