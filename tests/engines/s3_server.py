"""A SeaweedFS server, and settings of archives that have their blobs there."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from tests.engines.services import S3_BUCKET, S3_KEY_ID, S3_SECRET

if TYPE_CHECKING:
    from tests.engines.cluster import Engine


class S3Server:
    """One bucket; each archive has a prefix of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._numbers = count(1)

    def fresh_settings(self, **changes: object) -> dict[str, Any]:
        """Settings that name a prefix that nobody used before; `changes` are of the group `s3`."""
        s3 = {
            "endpoint": self.engine.urls["S3_ENDPOINT"],
            "key_id": S3_KEY_ID,
            "secret": S3_SECRET,
            "allow_http": True,
            **changes,
        }
        return {"blobs": f"s3://{S3_BUCKET}/archive{next(self._numbers)}", "s3": s3}
