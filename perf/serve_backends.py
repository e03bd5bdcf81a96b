"""Four servers to compare: one and two workers, on SQLite with files and on PostgreSQL with S3.

    python perf/serve_backends.py [--folder DIR] [--workers 1 --workers 2]

Starts PostgreSQL and SeaweedFS from their wheels with durable settings, then the servers, and prints one line of
`NAME=URL` for whatever asks them side by side. Ends everything with Ctrl-C or a line on standard input.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engines.cluster import Engine
from tests.engines.services import POSTGRES, S3_BUCKET, S3_KEY_ID, S3_SECRET, SEAWEEDFS

DURABLE = {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(
    folder: Path, workers: int, port: int, options: list[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start a server; its log is in the folder."""
    folder.mkdir(parents=True)
    arguments = ["serve", "--data", str(folder / "data"), "--port", str(port), "--workers", str(workers), *options]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "filmjacket", *arguments], stdout=log, stderr=log, env=os.environ | environment
        )


def await_ready(port: int, seconds: float = 60) -> None:
    """Return when the server answers. Raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"no server on port {port}")


def main() -> None:
    """Start everything, and wait."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--workers", type=int, action="append")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backends")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        postgres = Engine(POSTGRES, folder / "postgres", DURABLE)
        seaweedfs = Engine(SEAWEEDFS, folder / "seaweedfs")
        for engine in (postgres, seaweedfs):
            engine.start()
            stack.callback(engine.stop)
        root = postgres.urls["POSTGRES_URL"]
        store = {
            "FILMJACKET_S3__ENDPOINT": seaweedfs.urls["S3_ENDPOINT"],
            "FILMJACKET_S3__KEY_ID": S3_KEY_ID,
            "FILMJACKET_S3__SECRET": S3_SECRET,
            "FILMJACKET_S3__ALLOW_HTTP": "true",
        }
        names: list[str] = []
        for workers in chosen.workers or [1, 2]:
            database = f"archive{workers}"
            with psycopg.connect(root, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}".encode())
            scaled = ["--database", root.rpartition("/")[0] + f"/{database}", "--blobs", f"s3://{S3_BUCKET}/{database}"]
            for name, options, environment in ((f"files{workers}", [], {}), (f"scaled{workers}", scaled, store)):
                port = free_port()
                process = serve(folder / name, workers, port, options, environment)
                stack.callback(process.wait)
                stack.callback(process.terminate)
                await_ready(port)
                names.append(f"{name}=http://127.0.0.1:{port}/dicom-web")
        print(" ".join(names), flush=True)
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
