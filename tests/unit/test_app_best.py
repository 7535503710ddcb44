"""`ludus export --best` and the model card: which version, why, and what is said about it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run

from .onnx_kit import weights_file

FINAL, OLD = "main@1.5", "main@1.2"


def player(name: str, elo: float) -> dict[str, Any]:
    return {"player": name, "elo": elo, "error": 10.0, "first_move_elo": 0.0, "matches": 40, "nash_share": 0.0,
            "alpha_rank_share": 0.0}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose final version is rated highest, and was measured."""
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path))
    folder = tmp_path / "runs" / "done"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"run": "done", "seed": 3, "bus": {"url": "nats://127.0.0.1:1"}}')
    weights_file(folder / "weights" / "final.safetensors")
    counts = {"wins": 30, "draws": 4, "losses": 6, "n": 40}
    row = {"opponent": "bot:ace", **counts, "win_rate": 0.75, "low": 0.6, "high": 0.9}
    measured = {
        "run": "done",
        "record": {"players": [player(FINAL, 200), player("bot:ace", 0), player(OLD, -50), player("starter@0.0", 900)]},
        "candidates": [{"policy": FINAL, "label": "final", "step": 5, "rows": [row]}],
        "regimes": [{"regime": "sniper", "rows": [row]}],
        "returns": [],
    }
    (folder / "measured.json").write_text(json.dumps(measured))
    return folder


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    found = run(argv)
    output = capsys.readouterr()
    assert found == code, output.out + output.err
    assert "Traceback" not in output.err
    return output.out + output.err


def test_the_best_is_rated_highest_and_its_card_says_what_was_measured(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "export", "done", "--best", "--format", "safetensors", "--license", "CC0-1.0")
    assert f"the best version of done is {FINAL}: rating of record +200 ± 20" in text
    file = folder / "weights" / "final.safetensors"
    card = (folder / "weights" / "final.safetensors.md").read_text()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    for part in (
        "| main@1.5 | +200 | 20 | 40 |", "| bot:ace | 30 | 4 | 6 | 40 |", "### sniper", "Licence: CC0-1.0", '"seed": 3',
    ):  # fmt: skip
        assert part in card
    assert "starter" not in card.split("## Configuration")[0]


def test_the_champion_goes_before_the_rating(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is in no checkpoint, and there is no bus: said, with its name."""
    event = {"sequence": 1, "kind": "promotion", "message": "", "detail": {"champion": OLD}}
    (folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    text = said(capsys, "export", "done", "--best", code=1)
    assert f"the best version of done is {OLD}: champion of the promotion gate" in text


def test_without_ratings_there_is_no_best(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "measured.json").unlink()
    assert "has no rated version yet" in said(capsys, "export", "done", "--best", code=1)
    assert "This version has no rating of record." in card_of(folder, capsys)


def test_best_and_checkpoint_exclude_one_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["export", "done", "--best", "--checkpoint", "1-2"])
    assert "not allowed with" in capsys.readouterr().err


def card_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    said(capsys, "export", "done", "--format", "safetensors")
    return (folder / "weights" / "final.safetensors.md").read_text()
