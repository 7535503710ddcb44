"""Runs whose folder is damaged or whose supervisor is gone: what is said, and how to go on. And their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ludus.app.cli import run
from ludus.app.create import ADJECTIVES, NOUNS, Request, choose_name, create, resolve
from ludus.app.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One run that is wanted, without anybody who supervises it."""
    monkeypatch.setenv("LUDUS_HOME", str(tmp_path / "home"))
    made = Home(tmp_path / "home")
    create(made, resolve(Request("dogfight", preset="quick")), "duel")
    return made


def said(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    """Everything printed; never a traceback."""
    found = run(argv)
    output = capsys.readouterr()
    assert found == code, output.out + output.err
    assert "Traceback" not in output.err
    return output.out + output.err


def test_a_run_without_a_supervisor_says_how_to_go_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody supervises this run: the stack is down. Go on: ludus resume duel" in said(capsys, "status")
    home.run("duel").want("stopped")
    assert "nobody supervises" not in said(capsys, "status")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\0\0", '{"game": "dogfight"}', '{"simulator": 5}'])
def test_a_garbage_configuration_is_named(home: Home, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    create(home, resolve(Request("dogfight", preset="quick")), "other")
    path = home.run("duel").config_file
    path.write_text(text)
    listed = said(capsys, "runs")
    assert f"the configuration of duel cannot be used: {path}" in listed
    assert f"Put the file back, or end with it: ludus remove {path.parent.name}" in listed
    (line,) = [line for line in listed.splitlines() if line.lstrip("│ ").startswith("other")]
    assert "dogfight" in line
    assert "the configuration of duel cannot be used" in said(capsys, "league", "replay", "duel", code=1)
    assert "the configuration of duel cannot be used" in said(capsys, "status", "duel", code=1)


def test_names_can_be_pronounced_and_are_never_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    name = choose_name(home, Request("dogfight"))
    game, adjective, noun = name.split("-")
    assert (game, adjective in ADJECTIVES, noun in NOUNS) == ("dogfight", True, True)
    # One name left, then none: a number takes over.
    monkeypatch.setattr("ludus.app.create.ADJECTIVES", ("keen",))
    monkeypatch.setattr("ludus.app.create.NOUNS", ("otter", "owl"))
    create(home, resolve(Request("dogfight", preset="quick")), "dogfight-keen-otter")
    assert {choose_name(home, Request("dogfight")) for _ in range(20)} == {"dogfight-keen-owl"}
    create(home, resolve(Request("dogfight", preset="quick")), "dogfight-keen-owl")
    assert re.fullmatch("dogfight-[0-9a-f]{8}", choose_name(home, Request("dogfight")))
    assert choose_name(home, Request("dogfight", run="mine")) == "mine"
