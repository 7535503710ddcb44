"""`ludus report`: the page of a run, from its folder alone."""

from __future__ import annotations

from pathlib import Path

from ..evaluator.battles import GAME, fights_of
from ..evaluator.page.blocks import Report
from ..evaluator.page.html import page
from ..evaluator.page.markdown import markdown
from ..evaluator.page.report import report_of
from ..evaluator.page.story import Json, read_story
from ..kernel.files import write_atomically
from .errors import CommandError
from .home import RunFolder
from .summary import FINAL, candidate


def report_on(run: RunFolder, fights: Json | None = None) -> Report:
    """Everything the folder says. Raises CommandError when its configuration cannot be used."""
    run.whole_config()
    return report_of(read_story(run.path, fights=fights))


def fights_in(run: RunFolder) -> Json:
    """Of the last version's kept matches; empty for other games."""
    policy = str(candidate(read_story(run.path).measured, FINAL).get("policy", ""))
    return fights_of(run.path, policy) if policy and run.config().get("game") == GAME else {}


def write(run: RunFolder, output: Path | None, *, as_markdown: bool) -> Path:
    """Write the page, or the text and its charts; returns the file. Raises CommandError."""
    report = report_on(run, fights_in(run))
    path = (output or run.path / ("report.md" if as_markdown else "report.html")).expanduser().absolute()
    try:
        if as_markdown:
            text, charts = markdown(report, path.stem)
            for name, svg in charts.items():
                write_atomically(path.parent / path.stem / name, svg.encode())
            write_atomically(path, text.encode())
        else:
            write_atomically(path, page(report).encode())
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}. Check the folder and free space.") from error
    return path
