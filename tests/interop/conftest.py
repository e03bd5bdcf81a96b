"""A server process for all interop tests, once for each supported HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import Server, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=["granian", "uvicorn"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests share; each test stores under UIDs of its own."""
    server = start_server(tmp_path_factory.mktemp("interop") / "archive", kind=request.param)
    yield server
    server.stop()
