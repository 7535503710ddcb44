"""`ludus logs`: what the services say, newest last."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from ..bus_keeper import NAME as BUS
from ..errors import CommandError, unknown
from ..home import Home, RunFolder
from ..supervisor import NAME as SUPERVISOR

POLL_SECONDS = 0.3
STACK_LOGS = (SUPERVISOR, BUS)


def logs(options: argparse.Namespace, home: Home, console: Console) -> int:
    files = _files(home, options.run, options.service)
    present = {name: path for name, path in files.items() if path.exists()}
    if not present and not options.follow:
        raise CommandError(f"nothing has been logged yet: {', '.join(map(str, files.values()))}")
    wide = max(map(len, files)) if len(files) > 1 else 0
    for name, path in present.items():
        for text in _tail(path, options.lines):
            _show(text, name if wide else "", wide, options.raw)
    if options.follow:
        _follow(files, wide, options.raw)
    return 0


def _files(home: Home, run_name: str | None, service: str | None) -> dict[str, Path]:
    """Log files by name. With one word only, it may be the name of a service."""
    if service is None and run_name is not None:
        known = {run.name for run in home.runs()}
        if run_name not in known and (run_name in STACK_LOGS or _is_service(home, run_name)):
            run_name, service = None, run_name
    if service in STACK_LOGS:
        return {service: home.log_file(service)}
    run = home.pick(run_name)
    names = [name for name in run.services() if service in (None, name, name.partition("-")[0])]
    if not names:
        raise unknown("service", str(service), [*run.services(), *STACK_LOGS])
    return {name: run.log_file(name) for name in names}


def _is_service(home: Home, word: str) -> bool:
    runs: list[RunFolder] = home.runs()
    return bool(runs) and any(word in (name, name.partition("-")[0]) for name in home.pick(None).services())


def _tail(path: Path, count: int) -> list[str]:
    if count <= 0:
        return []
    with path.open(errors="replace") as file:
        return [text.rstrip("\n") for text in file.readlines()[-count:]]


def _follow(files: dict[str, Path], wide: int, raw: bool) -> None:
    """Until Ctrl-C. Files that do not exist yet are picked up when they appear."""
    readers = {name: _new_lines(path, path.exists()) for name, path in files.items()}
    try:
        while True:
            for name, reader in readers.items():
                for text in next(reader):
                    _show(text, name if wide else "", wide, raw)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _new_lines(path: Path, at_end: bool) -> Iterator[list[str]]:
    """Whole lines added since the last look, for ever; a file that was rotated is read from its beginning."""
    position = path.stat().st_size if at_end else 0
    rest = b""
    while True:
        data = b""
        if path.exists():
            if path.stat().st_size < position:
                position, rest = 0, b""
            with path.open("rb") as file:
                file.seek(position)
                data = file.read()
            position += len(data)
        *whole, rest = (rest + data).split(b"\n")
        yield [text.decode(errors="replace") for text in whole]


def _show(text: str, name: str, wide: int, raw: bool) -> None:
    prefix = f"{name:<{wide}} | " if name else ""
    print(prefix + (text if raw else readable(text)), flush=True)


def readable(text: str) -> str:
    """A JSON line of a service as `12:03:11 INFO message`; anything else as it is."""
    try:
        record = json.loads(text)
        moment, level, message = str(record["time"]), str(record["level"]).upper(), str(record["message"])
    except (ValueError, KeyError, TypeError):
        return text
    clock = moment.partition("T")[2][:8] or moment
    trace = record.get("traceback")
    return f"{clock} {level} {message}" + (f"\n{trace}" if trace else "")
