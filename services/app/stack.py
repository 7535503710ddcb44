"""From a command's side: see that a supervisor is there, or that it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from ..kernel.config import ENV_PREFIX
from ..kernel.nats_server import ServerError, find
from .daemon import AlreadySupervised, own_identity, sole_supervisor
from .errors import CommandError, UsageError
from .home import Home, Json, read_json, write_json
from .launch import program
from .processes import Identity, start_detached, wait_until_gone
from .supervisor import Supervisor
from .wire import check_server, port_is_free

START_SECONDS = 15.0
#: Services drain within 10 s and are killed after 15; then nats-server flushes its files.
DOWN_SECONDS = 45.0


def supervisor_of(home: Home) -> Identity | None:
    """The live supervisor of a home."""
    stack = read_json(home.stack_file)
    identity = Identity.read(stack)
    return identity if identity and stack.get("state") != "down" and identity.alive() else None


def is_up(home: Home) -> bool:
    return supervisor_of(home) is not None


def stack_port(home: Home) -> int:
    """The port of the stack's own nats-server, kept from one time to the next; 0 before the first."""
    return int(read_json(home.stack_file).get("nats_port") or 0)


def check_bus(home: Home, nats_url: str, nats_port: int) -> None:
    """Raises UsageError unless the wanted bus can be had, before anything is started."""
    if nats_url and nats_port:
        raise UsageError("--nats-url and --nats-port exclude each other: a port is for the stack's own nats-server")
    if nats_url:
        check_server(nats_url)
        return
    find_nats_server()
    stack = read_json(home.stack_file)
    running = stack.get("nats_port") if stack.get("nats_pid") and is_up(home) else None
    if nats_port and running and running != nats_port:
        raise UsageError(f"the stack's nats-server already runs on port {running}: `ludus down` first to move it")
    if nats_port and not running and not port_is_free(nats_port):
        raise UsageError(f"port {nats_port} is taken: end what listens there, or choose another --nats-port")


def check_move(home: Home, nats_url: str) -> None:
    """Raises UsageError when a stack that is up would have to change its bus: runs cannot follow."""
    used = str(read_json(home.desired_file).get("nats_url", ""))
    if nats_url and is_up(home) and nats_url != used:
        raise UsageError(f"the stack is up on {used or 'its own nats-server'}: `ludus down` first to use {nats_url}")


def find_nats_server() -> Path:
    """The binary, new enough. Raises UsageError saying how to get one."""
    try:
        return find()
    except ServerError as error:
        raise UsageError(str(error)) from error


def ensure_up(home: Home, *, nats_url: str = "", nats_port: int = 0, bus: bool = False) -> Json:
    """Start a supervisor unless there is one, and wait until it works; returns what stack.json says.

    `bus`: the stack's nats-server is wanted even without a run. Raises CommandError.
    """
    _wait_while_stopping(home)
    _check_program(home)
    wanted = {"state": "up", "bus": bus, "nats_url": nats_url, "nats_port": nats_port}
    before = read_json(home.desired_file)
    if is_up(home):
        wanted = {**before, "state": "up", "bus": bus or bool(before.get("bus"))}
        wanted |= {"nats_url": nats_url} if nats_url else {}
        wanted |= {"nats_port": nats_port} if nats_port else {}
    elif before.get("state") == "up" and not (nats_url or nats_port):
        # The supervisor was lost, not sent away: everything stays where it was.
        wanted = {**before, "bus": bus or bool(before.get("bus"))}
    write_json(home.desired_file, wanted)
    if not is_up(home):
        _start_supervisor(home)
    return _wait_for_stack(home, bool(wanted["bus"]) and not wanted["nats_url"])


def _check_program(home: Home) -> None:
    """A supervisor of other code would start services of other code: they may not know this one's configuration."""
    stack = read_json(home.stack_file)
    if is_up(home) and stack.get("program") != program():
        raise CommandError(
            f"the stack of {home.root} was started by {stack.get('program', 'an earlier Ludus')}, and this is "
            f"{program()}: ludus down first (runs go on with the next `ludus up`), or another --home"
        )


def _wait_while_stopping(home: Home) -> None:
    supervisor = supervisor_of(home)
    if supervisor and read_json(home.stack_file).get("state") == "stopping":
        wait_until_gone([supervisor], DOWN_SECONDS)


def _start_supervisor(home: Home) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
    argv = [sys.executable, "-P", "-m", "ludus.app.daemon", "--home", str(home.root)]
    try:
        start_detached(argv, home.log_file("supervisor"), environment, home.root)
    except OSError as error:
        raise CommandError(f"the supervisor cannot be started: {error}") from error


def _wait_for_stack(home: Home, bus: bool) -> Json:
    deadline = time.monotonic() + START_SECONDS
    stack: Json = {}
    while time.monotonic() < deadline:
        stack = read_json(home.stack_file)
        if is_up(home) and stack.get("state") == "up":
            if stack.get("error"):
                raise CommandError(f"the stack does not start: {stack['error']}")
            if stack.get("nats_ready") or not bus:
                return stack
        time.sleep(0.05)
    what = "its nats-server does not answer" if is_up(home) else "its supervisor does not start"
    raise CommandError(f"the stack is not up after {START_SECONDS:.0f} s: {what}. See {home.root / 'logs'}")


def keep_supervised(home: Home) -> bool:
    """Replace a supervisor that was killed; True when that was needed. One that was sent away stays away."""
    if is_up(home) or read_json(home.desired_file).get("state") != "up":
        return False
    ensure_up(home)
    return True


def down(home: Home) -> bool:
    """End everything that runs in this home; False when nothing did. Raises CommandError."""
    if not home.root.exists():
        return False
    write_json(home.desired_file, {**read_json(home.desired_file), "state": "down"})
    supervisor = supervisor_of(home)
    if supervisor:
        supervisor.send(signal.SIGTERM)
        if wait_until_gone([supervisor], DOWN_SECONDS):
            supervisor.kill_session()
            wait_until_gone([supervisor], 5)
    return _end_leftovers(home) or supervisor is not None


def _end_leftovers(home: Home) -> bool:
    """Processes whose supervisor was killed are ended here. True when there were some."""
    try:
        with sole_supervisor(home):
            supervisor = Supervisor(home, own_identity(), find_nats_server)
            supervisor.adopt()
            if not supervisor.anything_alive:
                supervisor.shutdown()
                return False
            supervisor.shutdown()
            return True
    except AlreadySupervised as error:
        raise CommandError(f"{error}; try again") from error
