"""`/metrics`: what all workers of this server have counted, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from starlette.responses import Response

from filmjacket.http.exchange import begin_transaction
from filmjacket.observability.shared_directory import shared_directory

if TYPE_CHECKING:
    from starlette.requests import Request


async def metrics(request: Request) -> Response:
    """The numbers in the format that is accepted."""
    begin_transaction(request.scope, "metrics")
    # Loaded by the first who asks: many servers are never asked.
    from filmjacket.observability.exposition import exposition  # noqa: PLC0415

    body, content_type = await run_sync(exposition, request.headers.get("accept"), shared_directory())
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
