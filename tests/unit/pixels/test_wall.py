"""The wall: codecs may crash, hang, or take too much; the next frame decodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from filmjacket.errors import DicomError, NotAcceptable, Unavailable
from filmjacket.pixels.codecs import encode_frame
from filmjacket.pixels.frame_cache import FrameCache
from filmjacket.pixels.wall import CodecWall, Isolation
from tests.images import describe, noise
from tests.unit.pixels import failures

pytestmark = pytest.mark.slow

JPEG_LS = "1.2.840.10008.1.2.4.80"
PLAIN = describe(rows=64, columns=80, bits_allocated=16)
CODED = replace(PLAIN, transfer_syntax=JPEG_LS)
ARRAY = noise(PLAIN)
STREAM = encode_frame(ARRAY, PLAIN, JPEG_LS)


@pytest.fixture(scope="module")
def wall():
    made = CodecWall(workers=2, seconds=20)
    yield made
    made.close()


@pytest.mark.parametrize("isolation", Isolation)
def test_decode_gives_an_array_of_the_callers_own(isolation):
    made = CodecWall(workers=1, isolation=isolation)
    first = made.decode(STREAM, CODED)
    second = made.decode(STREAM, CODED)
    first[:] = 0
    np.testing.assert_array_equal(second, ARRAY)
    assert made.decode(STREAM, CODED, 1).shape == (32, 40)
    made.close()


@pytest.mark.parametrize(
    ("failure", "how"), [("segfault", "SIGSEGV"), ("exit_at_once", "code 3"), ("kill_itself", "SIGKILL")]
)
def test_a_crash_is_an_error_of_that_frame_and_the_next_one_decodes(wall, failure, how):
    with pytest.raises(DicomError, match=how):
        wall.run(getattr(failures, failure))
    np.testing.assert_array_equal(wall.decode(STREAM, CODED), ARRAY)


def test_a_worker_that_is_killed_while_it_waits_is_replaced(wall):
    wall.decode(STREAM, CODED)
    for pid in wall.process_ids:
        os.kill(pid, signal.SIGKILL)
        _wait_for_end(pid)
    np.testing.assert_array_equal(wall.decode(STREAM, CODED), ARRAY)


def test_a_worker_that_is_killed_while_it_works_costs_one_frame(wall):
    pid = wall.run(failures.process)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(wall.run, failures.sleep, 20)
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DicomError, match="SIGKILL"):
            slow.result(5)
    np.testing.assert_array_equal(wall.decode(STREAM, CODED), ARRAY)


def test_work_is_stopped_when_it_takes_too_long():
    made = CodecWall(workers=1, seconds=60)
    made.run(failures.process)  # a process takes time to start, on a busy machine more than the limit below
    made._seconds = 0.5
    began = time.monotonic()
    with pytest.raises(DicomError, match=r"more than 0\.5 seconds"):
        made.run(failures.sleep, 30)
    assert time.monotonic() - began < 5
    made.close()


def test_memory_of_a_worker_is_bounded():
    made = CodecWall(workers=1, memory_bytes=512 << 20)
    with pytest.raises(RuntimeError, match="MemoryError"):
        made.run(failures.take_memory, 1 << 30)
    np.testing.assert_array_equal(made.decode(STREAM, CODED), ARRAY)
    made.close()


class Gone(Exception):
    """The requester is."""


@pytest.mark.parametrize("busy", [False, True], ids=["at work", "in the queue"])
def test_work_that_nobody_waits_for_is_given_up(busy):
    asked = threading.Event()

    def check():
        if asked.is_set() and threading.current_thread() is threading.main_thread():
            raise Gone

    made = CodecWall(workers=1, check=check)
    made.run(failures.process)
    with ThreadPoolExecutor() as pool:
        if busy:
            pool.submit(made.run, failures.sleep, 1)
            time.sleep(0.2)
        asked.set()
        began = time.monotonic()
        with pytest.raises(Gone):
            made.run(failures.sleep, 30)
        assert time.monotonic() - began < 0.9
    np.testing.assert_array_equal(ThreadPoolExecutor().submit(made.decode, STREAM, CODED).result(20), ARRAY)
    made.close()


def test_a_quick_answer_that_nobody_waits_for_saves_its_worker():
    gone = False

    def check():
        if gone:
            raise Gone

    made = CodecWall(workers=1, check=check)
    pid = made.run(failures.process)
    gone = True
    with pytest.raises(Gone):
        made.run(failures.sleep, 0.15)
    assert made.process_ids == [pid]
    gone = False
    assert made.run(failures.process) == pid
    made.close()


def test_parallel_work_is_bounded():
    made = CodecWall(workers=2)
    with ThreadPoolExecutor(6) as pool:
        pids = set(pool.map(made.run, [failures.sleep] * 6, [0.1] * 6))
    assert 1 <= len(pids) <= 2
    assert len(made.process_ids) <= 2
    made.close()


def test_no_worker_is_started_before_there_is_work():
    made = CodecWall(workers=4)
    assert made.process_ids == []
    made.close()


@pytest.mark.parametrize("value", [b"x" * 3_000_000, np.arange(12.0).reshape(3, 4), (1, "two", b"three", None, [4.5])])
def test_values_cross_as_they_are(wall, value):
    back = wall.run(failures.echo, value)
    assert type(back) is type(value)
    np.testing.assert_equal(back, value)


def test_memory_of_a_large_frame_is_given_back(wall):
    assert wall.run(failures.zeros, 8000, 8000).nbytes == 128_000_000
    assert wall.run(failures.zeros, 10, 10).shape == (10, 10)


def test_errors_cross_with_all_that_they_say(wall):
    with pytest.raises(NotAcceptable, match=r"Not like this\.") as refusal:
        wall.run(failures.refuse)
    assert (refusal.value.section, refusal.value.accepted) == ("8.7", ("like that",))
    with pytest.raises(RuntimeError, match="KeyError in fail"):
        wall.run(failures.fail)
    np.testing.assert_array_equal(wall.decode(STREAM, CODED), ARRAY)


def test_nothing_that_runs_comes_through_the_wall(wall):
    with pytest.raises(DicomError):
        wall.run(failures.trojan)
    np.testing.assert_array_equal(wall.decode(STREAM, CODED), ARRAY)


def test_a_closed_wall_refuses_work():
    made = CodecWall(workers=1)
    made.run(failures.process)
    pid = made.process_ids[0]
    made.close()
    with pytest.raises(Unavailable):
        made.decode(STREAM, CODED)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_workers_die_with_their_parent():
    program = """
        import os, signal
        from filmjacket.pixels.wall import CodecWall
        from tests.unit.pixels import failures
        if __name__ == "__main__":
            wall = CodecWall(workers=1)
            print(wall.run(failures.process), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (*sys.path, str(Path.cwd()))))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, env=path
    )
    _wait_for_end(int(done.stdout))


def _wait_for_end(pid):
    deadline = time.monotonic() + 5
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_identical_work_in_flight_is_done_once():
    cache = FrameCache(1_000_000)
    made: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def make():
        made.append(1)
        begun.set()
        go_on.wait(5)
        return np.zeros(10)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(cache.get, "key", make)
        begun.wait(5)
        others = [pool.submit(cache.get, "key", make) for _ in range(3)]
        go_on.set()
        assert all(other.result(5) is first.result(5) for other in others)
    assert made == [1]
    assert not first.result().flags.writeable


def test_who_waited_for_work_that_failed_tries_for_himself():
    cache = FrameCache(1_000_000)
    begun, go_on = threading.Event(), threading.Event()

    def fail():
        begun.set()
        go_on.wait(5)
        raise Gone

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", fail)
        begun.wait(5)
        second = pool.submit(cache.get, "key", lambda: np.ones(3))
        time.sleep(0.05)
        go_on.set()
        assert second.result(5).sum() == 3
        with pytest.raises(Gone):
            first.result(5)


def test_the_least_recently_used_frames_make_room():
    cache = FrameCache(1000)
    for key in range(3):
        cache.get(key, lambda: np.zeros(400, np.uint8))
    cache.get("large", lambda: np.zeros(900, np.uint8))
    assert cache.held_bytes == 800
    again: list[int] = []

    def make():
        again.append(1)
        return np.zeros(400, np.uint8)

    cache.get(2, make)
    assert again == []
    cache.get(0, make)
    assert again == [1]
