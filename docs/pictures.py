"""Draws `docs/images/terminal.svg` from a real session: loads the samples, serves them, asks them, checks them.

Not run by `make docs`, since times differ from run to run: `.venv/bin/python docs/pictures.py`.
"""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
COMMAND = Path(sys.executable).with_name("filmjacket")
WIDTH = 100
# The font is the reader's own: a picture must not fetch anything.
PLAIN_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    """Run the session and write the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = subprocess.Popen(  # noqa: S603 - our own command
            [COMMAND, "demo", "--data", "demo-data", "--port", str(port)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            url = f"http://127.0.0.1:{port}/dicom-web"
            prompt(console, "make demo")
            lines = [server.stdout.readline().rstrip() for _ in range(5)] if server.stdout else []
            show(console, [line for line in lines if line], port)
            wait_until_ready(f"http://127.0.0.1:{port}/healthz")
            query = "studies?PatientName=doe*&StudyDate=19950101-&limit=1"
            prompt(console, f"curl '127.0.0.1:8104/dicom-web/{query}'")
            show(console, answer(f"{url}/{query}"), port)
            prompt(console, "filmjacket verify --data demo-data")
            show(console, run(folder, "verify", "--data", "demo-data", "--quiet"), port)
        finally:
            server.terminate()
            server.wait(30)
    IMAGES.mkdir(exist_ok=True)
    text = console.export_svg(title="filmjacket", code_format=PLAIN_FORMAT)
    (IMAGES / "terminal.svg").write_text("\n".join(map(str.rstrip, text.splitlines())) + "\n", encoding="utf-8")


def prompt(console: Console, command: str) -> None:
    """A command as it is typed."""
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))


def show(console: Console, lines: list[str], port: int) -> None:
    """Output, with the port that readers will see."""
    for line in lines:
        console.print(Text(line.replace(str(port), "8104")), overflow="ellipsis", no_wrap=True)
    console.print()


def answer(url: str) -> list[str]:
    """The attributes of the first match, one a line."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 - our own server
        (match,) = json.load(response)
    wanted = ("00080020", "00080061", "00081190", "00100010", "00201208")
    body = [f' "{tag}": {json.dumps(match[tag])},' for tag in wanted]
    return ["[{", *(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in body), " …}]"]


def run(folder: str, *arguments: str) -> list[str]:
    """Output of a command."""
    done = subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.splitlines()


def wait_until_ready(url: str) -> None:
    """Until the server answers."""
    for _ in range(100):
        try:
            urllib.request.urlopen(url).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.1)
        else:
            return


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
