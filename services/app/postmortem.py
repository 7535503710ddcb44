"""`ludus postmortem`: what a run's processes left behind, as one text to read and one archive to pass on.

Made of files alone: it works without the stack, for runs that died, hang, or go on. Nothing large and no secret is in
the archive: no weights, no checkpoints, addresses without their passwords.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..kernel.address import without_credentials
from ..kernel.blackbox import FOLDER, LAST, STACKS
from .errors import CommandError
from .home import Home, Json, RunFolder, read_json, read_rows
from .view import service_view
from .words import age_text, clock_text

TAIL_BYTES = 200_000
EVENTS_SHOWN, RECORDS_SHOWN, STACK_LINES = 15, 6, 40
#: Files of the run's folder that say what happened.
WHOLE = (
    "config.json", "desired.json", "outcome.json", "deaths.jsonl", "hangs.jsonl", "made_with.json", "measured.json",
    "summary.json",
)  # fmt: skip
ENDS = ("events.jsonl", "metrics.jsonl", "logs/*.log", "services/*.json", f"{FOLDER}/*/*/*")


def text_of(home: Home, run: RunFolder) -> str:
    """The report, in Markdown."""
    parts = [_head(run), _deaths(home, run), _hangs(run), _events(run), *(_process(run, name) for name in _names(run))]
    return "\n".join(part for part in parts if part)


def archive(home: Home, run: RunFolder, text: str, output: Path | None) -> Path:
    """Write the text and everything it is drawn from as a .tar.gz. Raises CommandError."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = (output or run.path / f"postmortem-{stamp}.tar.gz").expanduser().absolute()
    try:
        with tarfile.open(path, "w:gz") as tar:
            for name, data in [("postmortem.md", text.encode()), *_files(home, run)]:
                info = tarfile.TarInfo(f"{run.name}-postmortem/{name}")
                info.size, info.mtime = len(data), int(time.time())
                tar.addfile(info, io.BytesIO(data))
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}. Check the folder and free space.") from error
    return path


def _files(home: Home, run: RunFolder) -> Iterator[tuple[str, bytes]]:
    for name in WHOLE:
        yield from _file(run.path / name, name)
    for pattern in ENDS:
        for path in sorted(run.path.glob(pattern)):
            yield from _file(path, str(path.relative_to(run.path)))
    for path in (home.stack_file, home.deaths_file, *sorted((home.root / "logs").glob("*.log"))):
        yield from _file(path, f"stack/{path.name}")


def _file(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES if name not in WHOLE else 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return
    yield name, without_credentials(text).encode()


def _head(run: RunFolder) -> str:
    outcome, config = run.outcome(), run.config()
    state = outcome.get("state") or run.desired().get("state") or "never started"
    told = f"{config.get('game')}, seed {config.get('seed')}: {state}. {outcome.get('reason') or ''}"
    lines = [f"# Post-mortem of {run.name}", "", told.rstrip(), ""]
    lines += ["| process | number | state | last beat | step | durable step | started again | why |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for name in run.services():
        view = service_view(run, name)
        why = view["error"] or view["reason"]
        cells = (name, view["pid"], view["state"], _ago(view["heartbeat_age_seconds"]), view["step"])
        lines.append(_row(*cells, view["durable_step"], view["restarts"], why))
    return "\n".join(lines) + "\n"


def _deaths(home: Home, run: RunFolder) -> str:
    rows = sorted(read_rows(run.deaths_file) + read_rows(home.deaths_file), key=lambda row: float(row.get("time") or 0))
    if not rows:
        return "## Deaths\n\nNone.\n"
    lines = ["## Deaths", "", "| when | process | number | cause | last beat before | step | durable step |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = (clock_text(row.get("time")), row.get("service"), row.get("pid"), row.get("cause"))
        lines.append(_row(*cells, _ago(row.get("heartbeat_age_seconds")), row.get("step"), row.get("durable_step")))
    return "\n".join(lines) + "\n"


def _hangs(run: RunFolder) -> str:
    rows = read_rows(run.hangs_file)
    if not rows:
        return ""
    lines = ["## Processes that lived and did not beat", ""]
    for row in rows:
        lines.append(
            f"* {clock_text(row.get('time'))} {row.get('service')} (process {row.get('pid')}): no beat for "
            f"{_ago(row.get('heartbeat_age_seconds'))}, {row.get('state')}, {row.get('cpu_seconds')} s of computing, "
            f"{int(row.get('memory_bytes') or 0) >> 20} MiB; {', '.join(row.get('waits_in') or [])}"
        )
    return "\n".join(lines) + "\n"


def _events(run: RunFolder) -> str:
    rows = read_rows(run.path / "events.jsonl")[-EVENTS_SHOWN:]
    lines = [f"{_record({**row, 'level': row.get('service')})} ({row.get('kind')})" for row in rows]
    return "\n".join(["## Last events", "", *lines, ""]) if rows else ""


def _names(run: RunFolder) -> list[str]:
    """Processes that left a box."""
    found = {path.name for path in (run.path / FOLDER).glob("*")}
    return [name for name in run.services() if name in found]


def _process(run: RunFolder, name: str) -> str:
    boxes = sorted((run.path / FOLDER / name).glob("*"), key=lambda path: path.stat().st_mtime_ns)
    dead = {row.get("pid"): row for row in read_rows(run.deaths_file)}
    return "\n".join(_box(name, path, dead.get(int(path.name), {})) for path in boxes if path.name.isdigit())


def _box(name: str, folder: Path, death: Json) -> str:
    last, stacks = read_json(folder / LAST), _stacks(folder / STACKS)
    if not (death or stacks or last.get("exception")):
        return ""
    lines = [f"## {name}, process {folder.name}", ""]
    lines += [f"{death['cause']}", ""] if death else []
    if last:
        lines += [f"Last written at {clock_text(last.get('time'))}. Last records:", ""]
        lines += [_record(row) for row in last.get("records", [])[-RECORDS_SHOWN:]]
        lines += ["", f"{len(last.get('metrics', {}))} metrics, {len(last.get('records', []))} records: `{LAST}`.", ""]
    for title, text in (("Exception", str(last.get("exception") or "")), ("Stacks", stacks)):
        lines += [f"{title}:", "", "```", text.strip(), "```", ""] if text.strip() else []
    return "\n".join(lines)


def _record(row: Json) -> str:
    return f"* {clock_text(row.get('time'))} {row.get('level')} {row.get('message')}"


def _stacks(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    left = f"… {len(lines) - STACK_LINES} more lines in {STACKS}"
    return "\n".join(lines if len(lines) <= STACK_LINES else [*lines[:STACK_LINES], left])


def _ago(seconds: object) -> str:
    return age_text(seconds if isinstance(seconds, int | float) else None)


def _row(*cells: object) -> str:
    texts = ["-" if cell is None else str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(texts)} |"
