"""Real engines on this machine without containers: `python -m tests.engines.cluster up --run DIR`.

Verbs: `up [NAME...]` starts services and writes their addresses to `DIR/env`; `status` says which run; `kill NAME` is
SIGKILL to a service and everything that it started; `down` ends all that a run, even a broken one, has left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines.services import SERVICES, Place, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
_STOP_SECONDS = 5.0


class EngineFailed(Exception):
    """A service did not become ready; the message ends with its log."""


class Engine:
    """One service in one directory, started and stopped any number of times on the same ports."""

    def __init__(
        self, service: Service, directory: Path, options: Mapping[str, str] | None = None, *, tied: bool = False
    ) -> None:
        """`tied`: the service dies with the thread that started it, however that ends."""
        self.service = service
        self.directory = directory
        self._tied = tied
        directory.mkdir(parents=True, exist_ok=True)
        self._note = directory / "engine.json"
        noted = json.loads(self._note.read_text()) if self._note.exists() else {}
        self._pid: int | None = noted.get("pid")
        self._child: subprocess.Popen[bytes] | None = None
        ports = noted.get("ports") or dict(zip(service.ports, free_ports(service), strict=True))
        self.place = Place(directory, ports, dict(options or noted.get("options") or {}))

    @property
    def urls(self) -> dict[str, str]:
        """Addresses by the names of variables that tests read."""
        return self.service.urls(self.place)

    @property
    def log(self) -> Path:
        """What the service printed."""
        return self.directory / "log"

    def launch(self) -> None:
        """Start the process, without waiting until it is ready."""
        drops_root = self.service.refuses_root and os.geteuid() == 0
        if not self._note.exists():
            if drops_root:
                shutil.chown(self.directory, "nobody", "nogroup")
            for command in self.service.prepare(self.place):
                self._run_once(command, drops_root=drops_root)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._bound(self.service.command(self.place), drops_root=drops_root),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.directory,
                start_new_session=True,
            )
        self._pid = self._child.pid
        note = {"pid": self._pid, "ports": dict(self.place.ports), "options": dict(self.place.options)}
        self._note.write_text(json.dumps(note))

    def wait_until_ready(self) -> None:
        """Return once the service answers; fail with its log when it does not."""
        deadline = time.monotonic() + self.service.seconds
        while time.monotonic() < deadline and self.is_running():
            if self.service.ready(self.place):
                return
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-3000:]
        self.stop()
        raise EngineFailed(f"{self.service.name} did not become ready:\n{tail}")

    def start(self) -> None:
        """Start, and wait until ready."""
        self.launch()
        self.wait_until_ready()

    def is_running(self) -> bool:
        """Whether the process that was started last is there."""
        if self._child is not None:
            return self._child.poll() is None
        return self._pid is not None and _is_alive(self._pid)

    def kill(self) -> None:
        """SIGKILL to the process and all that it started: nothing gets a chance to clean up."""
        # Some servers give each child a session of its own, which no signal to the group reaches.
        for child in _descendants(self._pid) if self._pid is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End the service as its row says, by force when that takes too long."""
        if not self.is_running():
            return
        self._signal(self.service.stop_signal, wait=_STOP_SECONDS)
        if self.is_running():
            self.kill()

    def pause(self) -> None:
        """Stop the process and its children where they are: the service neither answers nor goes away."""
        self._signal(signal.SIGSTOP, wait=0)

    def resume(self) -> None:
        """Let a paused service go on."""
        self._signal(signal.SIGCONT, wait=0)

    def _signal(self, number: signal.Signals, *, wait: float = _STOP_SECONDS) -> None:
        if self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, number)
        deadline = time.monotonic() + wait
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run_once(self, command: list[str], *, drops_root: bool) -> None:
        done = subprocess.run(
            [*_NOBODY, *command] if drops_root else command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.directory,
            check=False,
        )
        if done.returncode:
            raise EngineFailed(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")

    def _bound(self, command: list[str], *, drops_root: bool) -> list[str]:
        prefix = list(_NOBODY) if drops_root else ["setpriv"]
        if self._tied:
            prefix.append("--pdeathsig=KILL")
        return [*prefix, *command] if len(prefix) > 1 else command

    def _environment(self) -> dict[str, str]:
        # Root's own home is closed to others, and libraries look there for certificates.
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Cluster:
    """Several services in directories below one, which a later process can find again."""

    def __init__(self, run: Path) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self.run = run

    def engine(self, name: str) -> Engine:
        """Return a service of this run, running or not."""
        return Engine(SERVICES[name], self.run / name)

    def up(self, names: Iterable[str]) -> dict[str, str]:
        """Start services together and return their addresses; nothing is left behind when one fails."""
        engines = [self.engine(name) for name in names]
        try:
            for engine in engines:
                if not engine.is_running():
                    engine.launch()
            for engine in engines:
                engine.wait_until_ready()
        except BaseException:
            self.down()
            raise
        urls = {name: url for engine in engines for name, url in engine.urls.items()}
        (self.run / "env").write_text("".join(f"{name}={url}\n" for name, url in urls.items()))
        return urls

    def status(self) -> dict[str, bool]:
        """Return the services that this run ever started, and whether they run."""
        return {name: self.engine(name).is_running() for name in SERVICES if (self.run / name).is_dir()}

    def down(self) -> None:
        """End everything and remove the directory."""
        for name in self.status():
            self.engine(name).stop()
        shutil.rmtree(self.run, ignore_errors=True)


def free_ports(service: Service) -> list[int]:
    """Return ports of the loopback address that nobody uses, one for each name in the row."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < len(service.ports):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port <= service.highest_port:
                found.append(port)
    return found


def _is_alive(pid: int) -> bool:
    state, _ = _state_of(pid)
    return state not in {"", "Z"}


def _state_of(pid: int) -> tuple[str, int]:
    """Return the state and the parent of a process, nothing of one that is gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return state, int(parent)


def _descendants(pid: int) -> list[int]:
    """Return what a process started, and what those did, parents first."""
    parents = {
        int(entry.name): _state_of(int(entry.name))[1] for entry in Path("/proc").iterdir() if entry.name.isdigit()
    }
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def main(arguments: list[str] | None = None) -> int:
    """Run one verb."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines.cluster", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "status", "kill"))
    parser.add_argument("names", nargs="*", choices=[*SERVICES, []])
    parser.add_argument("--run", type=Path, required=True, help="directory of the run")
    given = parser.parse_args(arguments)
    cluster = Cluster(given.run)
    names = given.names or list(SERVICES)
    if given.verb == "up":
        for name, url in cluster.up(names).items():
            print(f"{name}={url}")
    elif given.verb == "status":
        for name, runs in cluster.status().items():
            print(f"{name}: {'runs' if runs else 'stopped'}")
    elif given.verb == "kill":
        for name in names:
            cluster.engine(name).kill()
    else:
        cluster.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
