"""The page: template, style, scripts and data in one file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

from ...kernel.players import BOT_PREFIX
from ...play.replay import Replay, ReplayError
from .film import GAME, film

SCRIPTS = ("film.js", "scene.js", "traces.js", "player.js")
COLOURS = ("red", "blue")
OUTCOMES = {1: "{} wins", 2: "draw", 3: "{} wins"}


def render(replay: Replay) -> str:
    """The replay as HTML. Raises ReplayError if it does not play again, or is of a game without a page."""
    if replay.game != GAME:
        raise ReplayError(f"only {GAME} has a page to show a match on, not {replay.game!r}")
    parts = {
        "TITLE": escape(title(replay)),
        "STYLE": _read("style.css"),
        "SCRIPT": "\n".join(_read(name) for name in SCRIPTS),
        "DATA": _embedded({"match": facts(replay), **film(replay)}),
    }
    before, *rest = _read("template.html").split("{{")
    return before + "".join(parts[name] + text for name, _, text in (piece.partition("}}") for piece in rest))


def title(replay: Replay) -> str:
    """`main@1.40 against ace, seed 7`."""
    return f"{' against '.join(names(replay))}, seed {replay.seed}"


def result(replay: Replay) -> str:
    """`main@1.40 wins by elimination`."""
    winner = names(replay)[0 if replay.outcome == 1 else 1]
    return f"{OUTCOMES[replay.outcome].format(winner)} by {replay.ending}"


def facts(replay: Replay) -> dict[str, Any]:
    """What the page says about the match in words. The seed is text: it does not fit a JavaScript number."""
    return {
        "game": replay.game,
        "rules": replay.rules,
        "parameters": replay.parameters,
        "run": replay.run,
        "match": replay.match,
        "seed": str(replay.seed),
        "seats": [
            {"name": name, "policy": seat.policy} for name, seat in zip(names(replay), replay.seats, strict=True)
        ],
        "decisions": replay.decisions,
        "outcome": replay.outcome,
        "result": result(replay),
    }


def names(replay: Replay) -> list[str]:
    """In the order of the seats; somebody who plays against himself is told apart by his colour."""
    found = [seat.name.removeprefix(BOT_PREFIX) for seat in replay.seats]
    return (
        found
        if len(set(found)) == len(found)
        else [f"{name} ({colour})" for name, colour in zip(found, COLOURS, strict=True)]
    )


def _embedded(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element around it, whatever the names contain."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
