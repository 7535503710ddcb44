"""`ludus dashboard`: the reports of all runs, of this moment, on loopback. It reads files and asks nobody.

/               the runs
/run/NAME       one of them; ?part=body is what changes while it goes on
/replay/RUN/M   a kept match
"""

from __future__ import annotations

import errno
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..evaluator.page.blocks import Block, Cell, Report, Section, Table, Text
from ..evaluator.page.html import body, page
from ..evaluator.page.story import read_story
from ..kernel.players import BOT_PREFIX
from ..play.replay import SUFFIX, ReplayError
from .errors import CommandError, UsageError
from .home import Home, Json, RunFolder
from .replays import load
from .report import fights_in, report_on
from .viewer.page import render

HOST = "127.0.0.1"
#: Most matches that are listed with links.
MOST_MATCHES = 120


class Dashboard:
    """A server of its own thread pool; `with` closes it."""

    def __init__(self, home: Home, port: int) -> None:
        pages = Pages(home)
        try:
            self._server = _Server((HOST, port), _handler(pages))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(f"port {port} is taken: choose another with --port, or 0 for a free one") from error
            raise CommandError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def serve(self) -> None:
        """Until interrupted."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """From another thread."""
        self._server.shutdown()


class Pages:
    """What stands at which address. Fights are looked at once per measured version: that takes seconds."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._fights: dict[tuple[str, str], Json] = {}
        self._lock = threading.Lock()

    def at(self, path: str, part: str) -> tuple[int, str]:
        """Status and HTML."""
        first, *rest = [unquote(piece) for piece in path.strip("/").split("/")]
        try:
            if first == "":
                return 200, self._shown(self._list(), part)
            if first == "run" and len(rest) == 1:
                return 200, self._shown(self._run(self._named(rest[0])), part)
            if first == "replay" and len(rest) == 2:
                return 200, self._replay(self._named(rest[0]), rest[1])
        except (CommandError, ReplayError) as error:
            return 404, f"<!doctype html><title>Ludus</title><p>{escape(str(error))}</p>"
        return 404, '<!doctype html><title>Ludus</title><p>Nothing is here. <a href="/">All runs</a></p>'

    def _shown(self, report: Report, part: str) -> str:
        return body(report) if part == "body" else page(report, live=True)

    def _named(self, name: str) -> RunFolder:
        return self._home.pick(name or "-")

    def _list(self) -> Report:
        rows = [_row(run) for run in reversed(self._home.runs())]
        head = ["run", "game", "state", "decisions", "of", "seed"]
        blocks: list[Block] = [Table(head, rows, words=3)] if rows else [Text("No run yet: ludus train dogfight")]
        return Report("Ludus", f"runs in {self._home.root}", "", [Section("", blocks)])

    def _run(self, run: RunFolder) -> Report:
        report = report_on(run, self._looked(run))
        return Report(
            report.title, report.subtitle, report.state, [*report.sections, Section("Matches", _matches(run))]
        )

    def _looked(self, run: RunFolder) -> Json:
        if not run.outcome():
            return {}  # while it trains, its cores are better used otherwise
        key = (run.name, str(run.outcome_file.stat().st_mtime_ns))
        with self._lock:
            if key not in self._fights:
                self._fights[key] = fights_in(run)
            return self._fights[key]

    def _replay(self, run: RunFolder, name: str) -> str:
        there = {path.stem: path for path in (run.path / "replays").glob(f"*{SUFFIX}")}
        if name not in there:
            raise CommandError(f"{run.name} keeps no match {name!r}")
        return render(load(there[name]))


def _row(run: RunFolder) -> list[str | Cell]:
    story = read_story(run.path)
    if "learner" not in story.config:
        return [run.name, "-", "unreadable", "-", "-", "-"]
    made = story.updates[-1]["decisions"] if story.updates else 0
    name = Cell(run.name, link=f"/run/{quote(run.name)}")
    game = f"{story.config['game']} {story.config['preset']}"
    return [name, game, story.state, f"{made:,}", f"{story.total * story.batch:,}", str(story.config["seed"])]


def _matches(run: RunFolder) -> list[Block]:
    """Kept matches as links, newest first."""
    paths = sorted((run.path / "replays").glob(f"*{SUFFIX}"), key=lambda path: -path.stat().st_mtime_ns)
    links = [
        Cell(path.stem.replace(BOT_PREFIX, ""), link=f"/replay/{quote(run.name)}/{quote(path.stem)}") for path in paths
    ]
    shown = links[:MOST_MATCHES]
    rows: list[list[str | Cell]] = [list(shown[at : at + 4]) for at in range(0, len(shown), 4)]
    note = f"the newest {len(shown)} of {len(links)} kept matches"
    return [Table([], rows, words=4, note=note)] if rows else []


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30
        server_version = "ludus"
        sys_version = ""

        def do_GET(self) -> None:
            # A page of somebody else must not read this one by pointing its own name at loopback.
            if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
                code, text = 403, "only as 127.0.0.1 or localhost"
            else:
                asked = urlsplit(self.path)
                code, text = pages.at(asked.path, parse_qs(asked.query).get("part", [""])[0])
            data = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Refreshes are not news."""

    return Handler
