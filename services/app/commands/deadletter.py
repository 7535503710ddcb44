"""`ludus deadletter`: messages of a run that nobody could read."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console

from ...api.v1.deadletter_pb2 import DeadLetter
from ...kernel import deadletter
from ...kernel.bus import BusError
from ...kernel.topology import STREAMS
from ..draw import plain_table
from ..errors import CommandError
from ..home import Home, RunFolder
from ..run_bus import RunBus

SHOWN_BYTES, ROW_BYTES = 256, 32


def list_letters(options: argparse.Namespace, home: Home, console: Console) -> int:
    found = asyncio.run(_letters(home, home.pick(options.run), options.count))
    if not found:
        console.print(f"{options.run}: no dead letters", highlight=False)
        return 0
    table = plain_table("number", "time (UTC)", "subject", "bytes", "found by", "cause", right=(0, 3))
    for number, letter in found:
        time = letter.time.ToDatetime().isoformat(" ", "seconds")
        table.add_row(str(number), time, letter.subject, str(letter.size_bytes), letter.service, letter.cause)
    console.print(table)
    return 0


def show(options: argparse.Namespace, home: Home, console: Console) -> int:
    letter = asyncio.run(_letter(home, home.pick(options.run), options.number))
    for name in ("subject", "sequence", "service", "cause", "size_bytes"):
        console.print(f"{name:12}{getattr(letter, name)}", highlight=False, markup=False, soft_wrap=True)
    for start in range(0, min(len(letter.data), SHOWN_BYTES), ROW_BYTES):
        row = letter.data[start : start + ROW_BYTES]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        console.print(f"{start:06x}  {row.hex(' '):96}  {text}", highlight=False, markup=False, soft_wrap=True)
    return 0


def requeue(options: argparse.Namespace, home: Home, console: Console) -> int:
    subject = asyncio.run(_requeue(home, home.pick(options.run), options.number))
    console.print(f"letter {options.number} was sent to {subject} again", highlight=False, markup=False)
    return 0


async def _letters(home: Home, run: RunFolder, count: int) -> list[tuple[int, DeadLetter]]:
    async with RunBus(home, run) as bus:
        return await deadletter.letters(bus, count)


async def _letter(home: Home, run: RunFolder, number: int) -> DeadLetter:
    async with RunBus(home, run) as bus:
        try:
            return await deadletter.letter(bus, number)
        except LookupError as error:
            raise CommandError(f"{run.name}: {error}") from error


async def _requeue(home: Home, run: RunFolder, number: int) -> str:
    """As the service that may write there: the console may only read."""
    letter = await _letter(home, run, number)
    kind = letter.subject.split(".")[2:3]
    writers = [stream.producers[0] for stream in STREAMS if stream.subject.split(".")[2:3] == kind]
    if not writers:
        raise CommandError(f"letter {number} cannot be sent again: nothing is known of {letter.subject!r}")
    async with RunBus(home, run, writers[0]) as bus:
        try:
            await deadletter.requeue(bus, letter)
        except (ValueError, BusError) as error:
            raise CommandError(f"letter {number} cannot be sent again: {error}") from error
    return letter.subject
