"""An own nats-server: its configuration, starting and ending it; `python -m ludus.kernel.nats_server install`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from .door import is_loopback
from .errors import Unsupported
from .files import write_atomically
from .nats_binary import ServerError, find, install, installed_path, require_version, version
from .topology import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from .nats_cluster import Cluster
    from .nats_lock import Lock

__all__ = ["NatsServer", "ServerError", "find", "free_port", "install", "installed_path", "version", "write_config"]

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
START_SECONDS = 10.0
STOP_SECONDS = 10.0
#: fsync before every acknowledgement, so that a result once acknowledged survives a power cut too. Measured on 2 cores
#: and a virtual disk, 200 results/s in bursts of 20: 3 % of a core instead of 1 %, 6 ms per burst instead of 1 ms, and
#: at most 4000 results/s instead of 11 000. A run makes a few hundred, so the server's default (every two minutes)
#: would save nothing.
SYNC_INTERVAL = "always"
MEMORY_STORE_BYTES = 1024**3
FILE_STORE_BYTES = 64 * 1024**3


def write_config(
    path: Path,
    *,
    store: Path,
    port: int,
    pid_file: Path,
    host: str = HOST,
    monitor_port: int | None = None,
    sync_interval: str = SYNC_INTERVAL,
    lock: Lock | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Write a nats-server configuration. `monitor_port` opens its HTTP monitoring endpoint, on loopback only.

    Raises Unsupported for a server that others could reach and that asks nobody who they are.
    """
    if lock is None and not is_loopback(host):
        raise Unsupported(
            f"a NATS server on {host} can be reached by others, so it needs TLS and credentials: make its "
            "configuration with `ludus nats config`, or listen on 127.0.0.1."
        )
    if cluster and not (cluster.certificates or is_loopback(host)):
        raise Unsupported(f"servers of a cluster on {host} need certificates for one another: `ludus nats config`.")
    settings: dict[str, Any] = {
        "server_name": f"ludus-{port}",
        "host": host,
        "port": port,
        "pid_file": str(pid_file),
        "max_payload": MAX_PAYLOAD_BYTES,
        # A learner that computes for a while with slabs under way to it is not a slow consumer.
        "max_pending": 16 * MAX_PAYLOAD_BYTES,
        "write_deadline": "30s",
        "lame_duck_grace_period": "1s",
        "lame_duck_duration": "30s",
        "jetstream": {
            "store_dir": str(store),
            "max_memory_store": MEMORY_STORE_BYTES,
            "max_file_store": FILE_STORE_BYTES,
            "sync_interval": sync_interval,
        },
    }
    if monitor_port is not None:
        settings |= {"https": f"{host}:{monitor_port}"} if lock else {"http": f"{HOST}:{monitor_port}"}
    if lock:
        settings |= lock.settings()
    if cluster:
        settings |= cluster.settings(host)
    # nats-server reads JSON as well as its own format, but not JSON's \u escapes.
    write_atomically(path, json.dumps(settings, indent=2, ensure_ascii=False).encode() + b"\n")


def free_port(host: str = HOST) -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class NatsServer:
    """One nats-server process with its files in one directory. Survives this process unless it is stopped."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        binary: Path | None = None,
        host: str = HOST,
        monitor_port: int | None = None,
        sync_interval: str = SYNC_INTERVAL,
        lock: Lock | None = None,
    ) -> None:
        self._lock = lock
        self.directory = directory
        self.host = host
        self.port = port or free_port(host)
        self.monitor_port = monitor_port
        self.config = directory / "nats.conf"
        self.log_file = directory / "nats.log"
        self.pid_file = directory / "nats.pid"
        self._binary = binary
        self._sync_interval = sync_interval
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'tls' if self._lock else 'nats'}://{self.host}:{self.port}"

    def prepare(self) -> list[str]:
        """Write the configuration; returns the command that starts the server. Raises ServerError."""
        binary = self._binary or find()
        require_version(binary)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_config(
                self.config,
                store=self.directory / "jetstream",
                port=self.port,
                pid_file=self.pid_file,
                host=self.host,
                monitor_port=self.monitor_port,
                sync_interval=self._sync_interval,
                lock=self._lock,
            )
        except OSError as error:
            raise ServerError(f"{self.directory} cannot be written: {error.strerror}") from error
        return [str(binary), "--config", str(self.config)]

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start, and wait until it takes connections. Raises ServerError with what the server said."""
        if running := self.pid():
            raise ServerError(f"a nats-server already runs in {self.directory} (pid {running}): stop it first.")
        if not _is_free(self.host, self.port):
            raise ServerError(f"port {self.port} is taken by another program: end that, or choose another port.")
        command = self.prepare()
        with self.log_file.open("ab") as output:
            # A session of its own: Ctrl-C in a terminal must not reach it.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + timeout_seconds
        while not answers(self.host, self.port):
            if self._process.poll() is not None:
                raise ServerError(f"nats-server did not start: {self.last_words()} (log: {self.log_file})")
            if time.monotonic() > deadline:
                self.kill9()
                raise ServerError(f"nats-server was not ready within {timeout_seconds:.0f} s (log: {self.log_file})")
            time.sleep(0.005)

    def pid(self) -> int | None:
        """Process id of the server that runs in this directory, whoever started it."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(self.pid_file.read_text()))
            if str(self.config) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return process.pid
        return None

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """End it properly (SIGTERM), and by force when it takes too long. No error if it does not run."""
        self._end(signal.SIGTERM, timeout_seconds)
        self._end(signal.SIGKILL, timeout_seconds)

    def kill9(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def restart(self) -> None:
        """Start again on the same port with the same store; ends the running one first."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals, timeout_seconds: float) -> None:
        pid = self.pid()
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_seconds)
        else:
            with suppress(psutil.Error):
                psutil.Process(pid).wait(timeout_seconds)

    def last_words(self) -> str:
        """The last error in its log, in one line."""
        with suppress(OSError):
            lines = self.log_file.read_text(errors="replace").splitlines()[-20:]
            errors = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or lines
            if errors:
                return errors[-1].rpartition("] ")[2]
        return "it said nothing"


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int) -> bool:
    """Whether a NATS server greets on this port."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1.0) as connection:
        connection.settimeout(1.0)
        return connection.recv(5) == b"INFO "
    return False


def main(argv: list[str] | None = None) -> int:
    """`install` puts the pinned nats-server into the tools directory; `find` prints the one that would be used."""
    parser = argparse.ArgumentParser(prog="python -m ludus.kernel.nats_server", description=main.__doc__)
    parser.add_argument("action", choices=("install", "find"))
    action = parser.parse_args(argv).action
    try:
        path = install() if action == "install" else find()
        number = ".".join(map(str, version(path)))
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"nats-server {number}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
