"""The model card of an exported policy: what it is, how strong it was measured to be, what it was made of. Pure.

Sections follow Mitchell et al., "Model cards for model reporting", FAT* 2019, as far as they mean something here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..kernel.players import is_bot
from ..play.weights import Manifest
from .home import Json
from .words import interval_text, percent

UNSTATED = "not stated by whoever trained it; Ludus itself, which made it, is Apache-2.0"


def card(
    file: str, data: bytes, manifest: Manifest, measured: Json, config: Json, made_with: Json, licence: str = ""
) -> str:
    """As Markdown. What was not measured is said to be missing."""
    version = f"{manifest.agent}@{manifest.epoch}.{manifest.step}"
    architecture = manifest.architecture
    facts = {
        "Policy": f"`{version}` of run `{measured.get('run') or config.get('run', '')}`",
        "Game": f"{manifest.game}, rules {manifest.rules}, observation {manifest.observation}",
        "Trained": f"{manifest.decisions:,} decisions, {manifest.step:,} updates, seed {config.get('seed', '?')}",
        "Made with": ", ".join(f"{name} {value}" for name, value in made_with.items()) or "not known",
        "Parent": f"`{manifest.parent}`" if manifest.parent else "none: weights were drawn at random",
        "Licence": licence or UNSTATED,
    }
    hashes = {
        file: hashlib.sha256(data).hexdigest(),
        "architecture": architecture.sha256,
        "configuration": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
    }
    parts = [f"# {file}\n\n" + _list(facts), f"## Hashes (sha256)\n\n{_list({k: f'`{v}`' for k, v in hashes.items()})}"]
    parts += [*_ratings(version, measured), *_panel(version, measured), *_regimes(version, measured)]
    parts += [f"## Configuration\n\n```json\n{json.dumps(config, indent=2, sort_keys=True)}\n```"]
    return "\n\n".join(parts) + "\n"


def _ratings(version: str, measured: Json) -> Iterator[str]:
    yield "## Rating"
    found = measured.get("record", {}).get("players", [])
    rows = [row for row in found if row["player"] == version or is_bot(row["player"])]
    if not any(row["player"] == version for row in rows):
        yield "This version has no rating of record."
        return
    yield "Bradley–Terry, Elo points above the mean of the scripted bots, ± 95 %."
    cells = [(row["player"], f"{row['elo']:+.0f}", f"{1.96 * row['error']:.0f}", str(row["matches"])) for row in rows]
    yield _table(("player", "rating", "±", "n"), cells)


def _panel(version: str, measured: Json) -> Iterator[str]:
    yield "## Panel"
    rows = [row for one in measured.get("candidates", []) if one["policy"] == version for row in one["rows"]]
    returns = [row for row in measured.get("returns", []) if row["policy"] == version]
    if returns:
        yield "Mean undiscounted return, 95 % interval (Student)."
        cells = [(f"{r['mean']:.1f}", f"{r['low']:.1f} – {r['high']:.1f}", str(r["n"])) for r in returns]
        yield _table(("return", "95 %", "n"), cells)
        judged = [row for row in returns if row.get("judged")]
        if judged:
            yield f"Successes (return of at least {measured['success_return']:g}), 95 % Wilson interval."
            rates = [
                (f"{r['success_rate']:.1%}", f"{r['success_low']:.1%} – {r['success_high']:.1%}", str(r["judged"]))
                for r in judged
            ]
            yield _table(("success", "95 %", "n"), rates)
    elif rows:
        yield "Seeds never used in training, both seats equally often; 95 % Wilson intervals of the win rate."
        yield _rates(rows)
    else:
        yield "This version has not been measured on the panel."


def _regimes(version: str, measured: Json) -> Iterator[str]:
    """The run measures its last version in them, and no other."""
    last = measured.get("candidates", [])[-1:]
    if not measured.get("regimes") or not last or last[0]["policy"] != version:
        return
    yield "## Regimes"
    for regime in measured["regimes"]:
        yield f"### {regime['regime']}"
        yield _rates(regime["rows"])


def _rates(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        (r["opponent"], *(str(r[k]) for k in ("wins", "draws", "losses", "n")), percent(r["win_rate"]),
         interval_text(r["low"], r["high"]))
        for r in rows if r["n"]
    ]  # fmt: skip
    return _table(("opponent", "W", "D", "L", "n", "wins", "95 %"), cells)


def _list(entries: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in entries.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["-"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
