"""The cache of rendered pictures."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from filmjacket.services.studies.rendered_cache import RenderedCache


def test_what_was_made_is_kept_and_what_was_not_asked_for_goes_first():
    cache = RenderedCache(80)
    for tag in "abcdefgh":
        cache.get_or_make(tag, lambda: bytes(10))
    cache.get("a")
    cache.get_or_make("i", lambda: bytes(10))
    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.size == 80


def test_one_that_is_too_large_is_not_kept():
    cache = RenderedCache(80)
    assert len(cache.get_or_make("a", lambda: bytes(11))) == 11
    assert cache.get("a") is None


def test_many_at_once_make_it_once():
    cache, made, together = RenderedCache(1000), [], threading.Barrier(8)

    def make():
        made.append(1)
        time.sleep(0.05)
        return b"file"

    def ask(_):
        together.wait()
        return cache.get_or_make("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"file"}
    assert len(made) == 1


def test_an_error_is_not_kept():
    cache = RenderedCache(1000)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("a", fail)
    assert cache.get_or_make("a", lambda: b"file") == b"file"
