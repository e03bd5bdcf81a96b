"""A change on one worker is heard on a connection of another, soon; the stop is announced and the close is clean."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from tests import samples
from tests.conftest import Server, start_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = 20
LISTENERS = 6
"""Connections: with two workers, that all of them are on one is no likelier than one in thirty."""


async def next_change(socket: Any) -> tuple[int, float]:
    while True:
        said = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if "number" in said:
            return said["number"], time.perf_counter()


def store(url: str, number: int) -> float:
    file = samples.variant("CT_small.dcm", SOPInstanceUID=f"1.2.3.{number}")
    headers = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/studies", data=file, headers=headers)) as answer:
        assert answer.status == 200
        return time.perf_counter()


async def closing(socket: Any) -> tuple[list[dict[str, Any]], int]:
    """What is said until the end, and the code of the close."""
    said: list[dict[str, Any]] = []
    try:
        while True:
            said.append(json.loads(await asyncio.wait_for(socket.recv(), 15)))
    except websockets.ConnectionClosed as end:
        return said, end.rcvd.code if end.rcvd is not None else 0


async def listen(server: Server) -> None:
    address = server.url.replace("http", "ws", 1)
    subscriber = await websockets.connect(f"{address}/ws/subscribers/RIS")
    restarted = json.loads(await asyncio.wait_for(subscriber.recv(), 10))
    assert restarted["00741242"]["Value"] == ["RESTARTED"]
    sockets = [await websockets.connect(f"{address}/changes/socket?level=instance") for _ in range(LISTENERS)]
    await asyncio.sleep(0.5)
    delays: list[float] = []
    numbers: list[set[int]] = []
    for number in range(1, ROUNDS + 1):
        waiting = [asyncio.create_task(next_change(socket)) for socket in sockets]
        answered = await asyncio.to_thread(store, server.url, number)
        heard = await asyncio.gather(*waiting)
        numbers.append({one for one, _ in heard})
        delays += [moment - answered for _, moment in heard]
    assert all(len(same) == 1 for same in numbers)
    assert [same.pop() for same in numbers] == sorted(range(3, 3 + ROUNDS))
    assert statistics.median(delays) < 0.05
    server.process.terminate()
    said, code = await closing(subscriber)
    assert code == 1001
    assert [one["00741242"]["Value"][0] for one in said] == ["GOING DOWN"]
    for socket in sockets:
        assert (await closing(socket))[1] == 1001


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_every_worker_hears_soon_and_says_goodbye(tmp_path: Path, kind: str) -> None:
    environment = {"FILMJACKET_WORKERS": "2", "FILMJACKET_NOTIFICATIONS__FALLBACK_SUBSCRIBERS": "RIS"}
    server = start_server(tmp_path / "archive", kind=kind, **environment)
    try:
        asyncio.run(listen(server))
    finally:
        assert server.stop() == 0
