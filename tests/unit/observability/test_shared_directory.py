from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from filmjacket.observability import shared_directory
from filmjacket.observability.shared_directory import VARIABLE, begin_draining, is_draining

MAKE = (
    "from filmjacket.observability.shared_directory import make_shared_directory as make; print(make(), flush=True); "
)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_directory, "_MEMORY", tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


def run(code: str) -> Path:
    done = subprocess.run([sys.executable, "-c", MAKE + code], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def test_it_ends_with_the_server_not_with_a_child():
    assert not run("").exists()
    fork = "import os; child = os.fork(); child and os.waitpid(child, 0); "
    there = "child and print(os.path.isdir(os.environ['_FILMJACKET_SHARED']))"
    done = subprocess.run([sys.executable, "-c", MAKE + fork + there], capture_output=True, text=True, check=True)
    path, was_there = done.stdout.split()
    assert was_there == "True"
    assert not Path(path).exists()


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path):
    left = tmp_path / "filmjacket-999999-abc"
    left.mkdir()
    living = tmp_path / f"filmjacket-{os.getppid()}-abc"
    living.mkdir()
    other = tmp_path / "filmjacket-cache"
    other.mkdir()
    made = shared_directory.make_shared_directory()
    assert not left.exists()
    assert living.exists()
    assert other.exists()
    assert made.stat().st_mode & 0o077 == 0
    assert shared_directory.shared_directory() == made
    os.environ.pop(VARIABLE)


def test_draining_is_known_to_all(tmp_path: Path):
    assert not is_draining(None)
    assert not is_draining(tmp_path)
    begin_draining(tmp_path)
    assert is_draining(tmp_path)


def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert shared_directory.shared_directory() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    assert shared_directory.shared_directory() is None
