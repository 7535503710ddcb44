"""`ludus export`, `validate` and `tournament`: what they write, say and answer with."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from ludus.app import extras
from ludus.app.cli import run
from ludus.learner import checkpoint
from ludus.play import contract, parity
from ludus.play.weights import from_bytes

from .learner_kit import MANIFEST, config, learner
from .onnx_kit import linear, weights_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs: `done` has a final policy, `empty` has nothing yet."""
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path))
    for name in ("empty", "done"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    weights_file(tmp_path / "runs" / "done" / "weights" / "final.safetensors")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    """Everything printed; without a traceback and with the expected exit code."""
    found = run(argv)
    output = capsys.readouterr()
    assert found == code, output.out + output.err
    assert "Traceback" not in output.err
    return output.out + output.err


def test_export_writes_a_valid_submission_and_says_how_near_it_is(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "export", "done")
    path = home / "runs" / "done" / "weights" / "final.onnx"
    assert f"done final (step 5, egocentric) -> {path}" in text
    assert "on 10,000 observations from matches: largest difference" in text
    text = said(capsys, "validate", str(path))
    assert "final.onnx: a valid submission (training)" in text
    assert "ok  parameters  1,410  (contract: at most 250,000)" in text
    assert "NO " not in text
    assert "ok  rules       training, by the width of its input" in text
    text = said(capsys, "validate", str(path), "--rules", "competition", code=1)
    assert "rules  " not in text
    assert "NO  input       obs float32 [n, 46] (that of --rules training)" in text


def test_export_as_safetensors(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "else" / "where.safetensors"
    said(capsys, "export", "done", "--format", "safetensors", "--output", str(target))
    assert target.read_bytes() == (home / "runs" / "done" / "weights" / "final.safetensors").read_bytes()


def test_an_unfinished_run_gives_its_newest_readable_checkpoint(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, _, _ = learner(config())
    root = home / "runs" / "empty" / "checkpoints"
    for step in (0, 3, 6):
        state.counters.step = step
        checkpoint.write(root, state, MANIFEST)
    target = tmp_path / "x.safetensors"
    arguments = ("export", "empty", "--format", "safetensors", "--output", str(target))
    assert "empty 1-6 (step 6" in said(capsys, *arguments)
    actor, manifest = from_bytes(target.read_bytes())
    assert manifest.step == 6
    assert all((one == state.actor.state_dict()[name]).all() for name, one in actor.state_dict().items())
    damaged = root / "1-6" / "weights.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\0\0\0\1")
    assert "empty 1-3 (step 3" in said(capsys, *arguments)
    assert "sha256" in said(capsys, *arguments, "--checkpoint", "1-6", code=1)
    assert "expected one of '1-6', '1-3', '1-0'" in said(capsys, *arguments, "--checkpoint", "1-5", code=2)


def test_what_cannot_be_exported_is_explained(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "empty has no policy: nothing is saved yet" in said(capsys, "export", "empty", code=1)
    assert "unknown run 'dome'" in said(capsys, "export", "dome", code=2)
    (home / "runs" / "done" / "weights" / "final.safetensors").write_bytes(b"rubbish")
    assert "cannot be read" in said(capsys, "export", "done", code=1)


def test_a_file_that_differs_is_not_left_behind(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", -1.0)
    assert "done final is not exported" in said(capsys, "export", "done", code=1)
    assert [path.name for path in (home / "runs" / "done" / "weights").iterdir()] == ["final.safetensors"]


def test_an_export_over_the_budget_warns(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "MAX_PARAMETERS", 100)
    text = said(capsys, "export", "done", code=1)
    assert "no valid submission: parameters: 1,410; expected at most 100" in text


def test_missing_packages_are_named_with_their_extra(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "export", ("onnx_that_is_not_there",))
    for argv in (["export", "done"], ["validate", "x.onnx"], ["tournament", "ace", "x.onnx"]):
        assert "pip install 'ludus[export]'" in said(capsys, *argv, code=2)
    said(capsys, "export", "done", "--format", "safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x08\x12\xff\xff", b"\0" * 5000])
def test_rubbish_is_no_valid_submission(
    content: bytes, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    assert "x.onnx: no valid submission" in said(capsys, "validate", str(path), code=1)
    assert "No such file" in said(capsys, "validate", str(tmp_path / "none.onnx"), code=1)
    assert "not a regular file" in said(capsys, "validate", str(tmp_path), code=1)


def test_tournament_of_all_kinds(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(linear(), tmp_path / "linear.onnx")
    weights_file(tmp_path / "other.safetensors", "original", seed=3)
    names = ["done", str(tmp_path / "linear.onnx"), str(tmp_path / "other.safetensors"), "brawler"]
    target = tmp_path / "standings.json"
    text = said(capsys, "tournament", *names, "--matches", "4", "--json", str(target))
    tree = json.loads(target.read_text())
    assert {row["participant"]: row["kind"] for row in tree["standings"]} == {
        "done": "run", "linear.onnx": "onnx", "other.safetensors": "weights", "brawler": "bot",
    }  # fmt: skip
    assert [row["n"] for row in tree["standings"]] == [12] * 4
    assert len(tree["pairings"]) == 6
    assert "24 matches of dogfight training, seed 1, bots act at 120 Hz" in text
    assert "linear.onnx" in text


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["ace"], "at least two participants"),
        (["ace", "ace"], "'ace' takes part twice"),
        (["ace", "brawlr"], "Did you mean 'brawler'?"),
        (["ace", "chaser", "--matches", "7"], "expected an even number from 2"),
        (["ace", "chaser", "--rules", "trainig"], "Did you mean 'training'?"),
        (["ace", "none.onnx"], "No such file"),
        (["ace", "none.safetensors"], "No such file"),
    ],
)
def test_a_tournament_that_cannot_be(
    argv: list[str], expected: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(capsys, "tournament", *argv, code=2)


def test_a_file_against_the_contract_cannot_take_part(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(linear(45), tmp_path / "narrow.onnx")
    text = said(capsys, "tournament", "ace", str(tmp_path / "narrow.onnx"), code=2)
    assert "expected float32 [1 or n, 46]" in text
    assert "ludus validate" in text
