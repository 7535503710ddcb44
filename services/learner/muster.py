"""How the ranks of a learner find one another.

On one machine rank 0 starts the others itself; they end with it. Elsewhere somebody else starts every rank, as
`ludus-learner --worker N`, and says by torch's own variables MASTER_ADDR and MASTER_PORT where rank 0 is.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed import FileStore, Store, TCPStore  # type: ignore[attr-defined]

from .. import __version__
from ..kernel.config import RunConfig
from ..kernel.service import Fatal
from .ranks import PATIENCE_SECONDS, RankLost, Ranks

log = logging.getLogger(__name__)

#: In the environment of the ranks that rank 0 has started: the file by which they find one another.
STORE = "LUDUS_RANKS_STORE"
#: "private" says that nobody else is on the network between the ranks.
NETWORK = "LUDUS_RANKS_NETWORK"
#: For all of them to start, on machines that may be busy.
ARRIVAL_SECONDS = 180.0
POLL_SECONDS = 0.1
END_SECONDS = 5.0


class Muster:
    """The ranks of one learner, as this process sees them. `close` ends those that it has started."""

    def __init__(self, config: RunConfig, number: int, environment: Mapping[str, str] = os.environ) -> None:
        """Raises Fatal for a rank that there cannot be, and for a network that strangers may listen to."""
        self._config, self._number, self._count = config, number, config.learner.ranks
        self._environment = environment
        if number >= self._count:
            raise Fatal(f"--worker {number}: learner.ranks = {self._count} has the ranks 0 to {self._count - 1}")
        host = environment.get("MASTER_ADDR", "")
        if host and environment.get(NETWORK) != "private":
            raise Fatal(
                f"MASTER_ADDR = {host}: where ranks meet by network they listen on every interface and talk in the "
                f"clear, with whoever calls. Give them a network that nobody else is on, and say so: {NETWORK}=private."
            )
        self._host = host
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._folder: str | None = None

    def gather(self, argv: Sequence[str] = ()) -> Ranks:
        """Blocks until all are there. `argv` is what this program was started with. Raises RankLost, Fatal."""
        timeout = timedelta(seconds=PATIENCE_SECONDS)
        store = self._store(argv)
        backend = "nccl" if self._config.learner.device.startswith("cuda") else "gloo"
        try:
            self._report(store)
            dist.init_process_group(backend, store=store, rank=self._number, world_size=self._count, timeout=timeout)
        except RuntimeError as error:
            raise RankLost(f"the ranks cannot reach one another: {error}") from error
        log.info("rank %d of %d: all are there", self._number, self._count)
        device = self._config.learner.device if backend == "nccl" else "cpu"
        return Ranks(self._number, self._count, torch.device(device))

    def close(self) -> None:
        """Leave the group, and see that the ranks started from here end."""
        if dist.is_initialized():
            dist.destroy_process_group()
        for helper in self._helpers:
            with suppress(subprocess.TimeoutExpired):
                helper.wait(END_SECONDS)
            helper.kill()
            helper.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _store(self, argv: Sequence[str]) -> Store:
        if self._host:
            port = int(self._environment.get("MASTER_PORT", "29500"))
            try:
                arrival = timedelta(seconds=ARRIVAL_SECONDS)
                return TCPStore(
                    self._host, port, self._count, self._number == 0, timeout=arrival, wait_for_workers=False
                )
            except RuntimeError as error:
                raise RankLost(f"no rank 0 at {self._host}:{port}: {error}") from error
        use_loopback()
        if self._number:
            path = self._environment.get(STORE)
            if not path:
                raise Fatal(f"--worker {self._number}: set MASTER_ADDR and MASTER_PORT to where rank 0 is")
        else:
            self._folder = tempfile.mkdtemp(prefix="ludus-ranks-")
            path = str(Path(self._folder) / "store")
            self._start(argv, path)
        return FileStore(path, self._count)

    def _start(self, argv: Sequence[str], path: str) -> None:
        """The other ranks of this machine: the same program. Later options win, and ports are their own."""
        for number in range(1, self._count):
            options = ["--worker", str(number), "--http-port", "0", "--grpc-port", "0"]
            command = [sys.executable, "-P", "-m", __package__, *argv, *options]
            self._helpers.append(subprocess.Popen(command, env={**self._environment, STORE: path}))

    def _report(self, store: Store) -> None:
        """Say that this rank is there and what it is; rank 0 waits for all of them, the others for its word."""
        own = _fingerprint(self._config)
        store.set(f"rank-{self._number}", own)
        if self._number:
            store.wait(["all"], timedelta(seconds=ARRIVAL_SECONDS))
            return
        deadline, missing = time.monotonic() + ARRIVAL_SECONDS, list(range(1, self._count))
        while missing := [number for number in missing if not store.check([f"rank-{number}"])]:
            if ended := [helper.returncode for helper in self._helpers if helper.poll() is not None]:
                raise RankLost(f"a rank ended with exit code {ended[0]} before it was there: the log says why")
            if time.monotonic() > deadline:
                raise RankLost(f"rank {', '.join(map(str, missing))} did not come within {ARRIVAL_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        for number in range(1, self._count):
            if store.get(f"rank-{number}").decode() != own:
                raise Fatal(f"rank {number} has another version of the code, or another configuration, than rank 0")
        store.set("all", "")


def own_device(config: RunConfig, number: int) -> RunConfig:
    """The configuration with a GPU of this rank's own, where several share a machine."""
    if config.learner.device != "cuda" or config.learner.ranks == 1:
        return config
    device = f"cuda:{number % max(1, torch.cuda.device_count())}"
    return config.model_copy(update={"learner": config.learner.model_copy(update={"device": device})})


def _fingerprint(config: RunConfig) -> str:
    """Of everything by which two ranks would compute differently."""
    learner = config.learner.model_copy(update={"device": config.learner.device.partition(":")[0]})
    parts = (__version__, config.game, config.rules, config.network.model_dump_json(), learner.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def use_loopback() -> None:
    """Nobody from outside can reach what Gloo listens on."""
    os.environ["GLOO_SOCKET_IFNAME"] = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
