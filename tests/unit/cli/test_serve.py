from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from filmjacket.cli.demo import what_to_try
from filmjacket.cli.serve import banner, check_address, prepare, service_url
from filmjacket.errors import FilmjacketError, Unavailable
from filmjacket.settings import Settings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "http://127.0.0.1:8104/dicom-web"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80/dicom-web"),
        ({"host": "::"}, "http://[::1]:8104/dicom-web"),
        ({"host": "pacs.local", "base_path": "/"}, "http://pacs.local:8104"),
        ({"public_url": "https://pacs.example.org/x"}, "https://pacs.example.org/x/dicom-web"),
    ],
)
def test_the_printed_url_is_one_that_works_here(changes: dict[str, object], url: str):
    settings = Settings(**changes)
    assert service_url(settings) == url
    assert f" {url} " in banner(settings)
    text = what_to_try(settings, ResourceRef("1.2", "1.3", "1.4"))
    assert f"{url}/studies/1.2/series/1.3/instances/1.4" in text
    assert text.count("curl ") == 3


def test_a_taken_port_is_told_before_anything_starts():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port}"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_a_foreign_address_is_told():
    with pytest.raises(FilmjacketError, match="192"):
        check_address("192.0.2.1", 8104)


def test_preparing_creates_the_archive_and_warns_of_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    prepare(Settings(data=tmp_path / "new", port=port))
    assert (tmp_path / "new" / "index.sqlite3").is_file()
    assert capsys.readouterr().err == ""
    prepare(Settings(data=tmp_path / "new", port=port, minimum_free_bytes=1 << 60))
    assert "storing is refused until there is room" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_line_and_stops_cleanly(tmp_path: Path, server: str, number: signal.Signals):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "FILMJACKET_LOG__LEVEL": "warning"}
    command = [sys.executable, "-m", "filmjacket", "serve", "--data", str(tmp_path / "a")]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--server", server],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=1) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                time.sleep(0.05)
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert len(out.splitlines()) == 1
    assert f"http://127.0.0.1:{port}/dicom-web" in out
    assert err == ""
