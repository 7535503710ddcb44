"""What people are shown: numbers in words, a run in tables that fit into 80 columns, the final table."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from ludus.api.v1.health_pb2 import LearnerHealth
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.api.v1.run_pb2 import RUN_STATE_TRAINING, RunRecord, RunStatus
from ludus.api.v1.standings_pb2 import PairRow, PlayerRow, Standings
from ludus.app import attach, deaths
from ludus.app.attach import line
from ludus.app.backoff import FIRST_SECONDS, HEALTHY_SECONDS, LONGEST_SECONDS, Backoff
from ludus.app.create import Request, choose_name, create, resolve
from ludus.app.deaths import cause_of
from ludus.app.draw import deaths_table, headline, live, services_table
from ludus.app.errors import UsageError, unknown
from ludus.app.home import Home, RunFolder, append_row, last_row, read_rows, write_json
from ludus.app.presets import preset_file, presets
from ludus.app.processes import Identity, describe_exit
from ludus.app.summary import final_table, print_summary
from ludus.app.view import evaluations, opponents, run_view
from ludus.app.wire import address_of, version_number
from ludus.app.words import count_text, seconds_text
from ludus.kernel.wilson import wilson_interval


def drawn(picture: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(picture)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def run(home: Home) -> RunFolder:
    return create(home, resolve(Request("dogfight", preset="quick", seed=3)), "duel-1")


STANDINGS = Standings(
    results=1234,
    players=[
        PlayerRow(player="main", milli_elo=1_234_567, initial_milli_elo=1_000_000),
        PlayerRow(player="bot:ace", milli_elo=1_100_000, initial_milli_elo=1_000_000),
    ],
    pairs=[
        PairRow(purpose="train", first="main", second="bot:ace", wins=30, draws=5, losses=65, recent_score=0.4),
        PairRow(purpose="train", first="main", second="main@1.0", wins=8, draws=0, losses=2, recent_score=0.8),
        PairRow(purpose="train", first="main", second="main@1.30", wins=10, draws=10, losses=10, recent_score=0.5),
        PairRow(purpose="evaluate", first="main@1.0", second="bot:ace", wins=0, draws=10, losses=90),
        PairRow(purpose="evaluate", first="main@1.60", second="bot:ace", wins=19, draws=0, losses=1),
        PairRow(purpose="evaluate", first="main@1.60", second="main@1.0", wins=20, draws=0, losses=0),
        PairRow(purpose="evaluate", first="main@1.200", second="bot:ace", wins=10, draws=0, losses=10),
    ],
)


def status(run: RunFolder) -> RunStatus:
    metrics = {"kl": 0.0123, "entropy": 1.5}
    ref = PolicyRef(agent="main", epoch=1, step=61)
    return RunStatus(
        run=run.name,
        game="dogfight",
        record=RunRecord(state=RUN_STATE_TRAINING, phase="curriculum", pool=["main@1.0"]),
        health=LearnerHealth(
            policy=ref, decisions=999_424, decisions_per_second=45_678.9, checkpoint_step=55, metrics=metrics
        ),
        eta_seconds=83.0,
        scripted_share=0.6,
        elapsed_seconds=125.0,
        standings=STANDINGS,
        warnings=["learner: something to look at"],
    )


def test_evaluations_come_in_order_of_training_with_wilson_intervals() -> None:
    found = evaluations(STANDINGS)
    assert [one["policy"] for one in found] == ["main@1.0", "main@1.60", "main@1.200"]
    (ace, zero) = found[1]["rows"]
    assert (ace["opponent"], ace["wins"], ace["losses"], ace["n"], ace["win_rate"]) == ("bot:ace", 19, 1, 20, 0.95)
    assert (ace["low"], ace["high"]) == wilson_interval(19, 20)
    assert zero["opponent"] == "main@1.0"


def test_earlier_selves_are_one_opponent() -> None:
    ace, selves = opponents(STANDINGS)
    assert (ace["opponent"], ace["n"], ace["recent_score"]) == ("bot:ace", 100, 0.4)
    assert selves["opponent"] == "earlier selves (2)"
    assert (selves["wins"], selves["draws"], selves["losses"], selves["n"]) == (18, 10, 12, 40)
    assert selves["recent_score"] == pytest.approx((0.8 * 10 + 0.5 * 30) / 40)


def test_the_live_picture_says_everything_in_80_columns(home: Home, run: RunFolder) -> None:
    me = Identity.of(os.getpid())
    assert me is not None
    write_json(run.process_file("learner"), {**me.as_json(), "restarts": 2})
    beat = {"pid": me.pid, "beat": time.time() - 0.3, "state": "ready", "step": 61, "durable_step": 55}
    write_json(run.path / "services" / "learner.json", beat)
    death = {"time": time.time(), "service": "learner", "pid": 4711, "cause": "killed by SIGKILL", "restarted": True}
    append_row(run.deaths_file, {**death, "heartbeat_age_seconds": 0.4, "step": 40, "durable_step": 38})
    view = run_view(home, run, status(run))
    text = drawn(live(view, "hint"))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text, "nothing is cut off"
    for part in (
        "duel-1", "training", "curriculum", "60 % scripted", "999 k of", f"61/{view['total_steps']}", "ETA 1 min 23 s",
        "45,679 decisions/s", "0.0123", "limit 0.045", "entropy 1.50", "checkpoint 55", "30/5/65", "40 %", "main@1.200",
        "50 %", "30–70 %", "1235", "1100", "ready 0.", "restarted 2x", "killed by SIGKILL", "38",
        "something to look at",
    ):  # fmt: skip
        assert part in text, part


def test_a_stage_on_trial_is_said(home: Home, run: RunFolder) -> None:
    found = status(run)
    assert "on trial" not in headline(run_view(home, run, found)).plain
    found.record.stages.trial.on = True
    assert "phase curriculum, 60 % scripted, the next stage on trial" in headline(run_view(home, run, found)).plain


def test_one_line_for_logs(home: Home, run: RunFolder) -> None:
    text = line(run_view(home, run, status(run)))
    assert "\n" not in text
    for part in ("training/curriculum", "999 k", "45,679/s", "KL 0.0123", "ETA 1 min 23 s", "Elo 1235", "ace 40 %"):
        assert part in text, part


def test_a_run_that_finishes_while_it_is_looked_at_was_not_stopped(
    home: Home, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def then_it_finished(*arguments: object) -> dict[str, object]:
        nonlocal looks
        looks += 1
        view = run_view(*arguments)  # type: ignore[arg-type]
        if looks == 2:
            write_json(run.path / "summary.json", SUMMARY)
            write_json(run.outcome_file, {"state": "finished"})
        return view

    monkeypatch.setattr(attach, "run_view", then_it_finished)
    run.want("running")
    console = Console(file=io.StringIO(), width=200, no_color=True)
    assert attach.attach(home, run, console) == 0
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "was stopped" not in said
    assert "step 0" in said


def test_a_view_from_files_alone(home: Home, run: RunFolder) -> None:
    append_row(run.path / "metrics.jsonl", {"epoch": 1, "step": 7, "kl": 0.01, "decisions": 114_688})
    (run.path / "metrics.jsonl").open("a").write('{"half a row')
    view = run_view(home, run, None)
    assert (view["step"], view["kl"], view["decisions"]) == (7, 0.01, 114_688)
    assert view["state"] == "starting"
    assert view["progress"] == 7 / view["total_steps"]
    json.dumps(view)
    run.want("stopped")
    assert run_view(home, run, None)["state"] == "stopped"
    write_json(run.outcome_file, {"state": "FAILED", "reason": "learner: no room"})
    assert run_view(home, run, None)["reason"] == "learner: no room"
    assert "learner: no room" in drawn(live(run_view(home, run, None), ""))


def test_dead_hung_and_ended_services_are_told_apart(home: Home, run: RunFolder) -> None:
    me = Identity.of(os.getpid())
    assert me is not None
    write_json(run.process_file("league"), me.as_json())
    write_json(run.path / "services" / "league.json", {"pid": me.pid, "beat": time.time() - 45, "state": "ready"})
    write_json(run.process_file("learner"), {"pid": me.pid, "process_started": me.started - 100})
    write_json(run.process_file("evaluator"), {"pid": me.pid, "process_started": me.started - 100, "exit_code": 0})
    view = run_view(home, run, None)
    states = {one["service"]: one["state"] for one in view["services"]}
    assert states == {"league": "hung", "learner": "dead", "simulator-0": "not started", "evaluator": "ended"}
    assert "hung" in drawn(services_table(view))


SUMMARY = {
    "run": "duel-1", "game": "dogfight", "decisions": 9_000_000, "steps": 274, "seconds": 300.0,
    "decisions_per_second": 30_000.0, "paths": {"weights": "/w/final.safetensors"},
    "candidates": [
        {"policy": "main@1.0", "label": "step 0", "rows": [
            {"opponent": "bot:ace", "wins": 1, "draws": 3, "losses": 196, "n": 200, "win_rate": 0.005, "low": 0.001,
             "high": 0.028}]},
        {"policy": "main@1.274", "label": "final", "rows": [
            {"opponent": "bot:ace", "wins": 195, "draws": 2, "losses": 3, "n": 200, "win_rate": 0.975, "low": 0.943,
             "high": 0.989},
            {"opponent": "main@1.0", "wins": 200, "draws": 0, "losses": 0, "n": 200, "win_rate": 1.0, "low": 0.981,
             "high": 1.0}]},
    ],
}  # fmt: skip


def test_the_final_table_shows_step_0_beside_the_final_policy(run: RunFolder) -> None:
    text = drawn(final_table(SUMMARY))
    head, ace, zero = text.splitlines()
    assert max(map(len, text.splitlines())) <= 80
    assert head.split() == "opponent W D L n final 95 % step 0 95 % n".split()  # noqa: SIM905
    assert ace.split() == "ace 195 2 3 200 97.5 % 94–99 % 0.5 % 0–3 % 200".split()  # noqa: SIM905
    assert zero.split() == "step 0 200 0 0 200 100.0 % 98–100 % - - -".split()  # noqa: SIM905
    console = Console(file=io.StringIO(), width=160)
    print_summary(console, run, SUMMARY)
    whole = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("9.00 M decisions", "5 min 00 s", "/w/final.safetensors", str(run.path / "report.html"), "main@1.274"):
        assert part in whole, part


def test_a_kill_for_memory_after_the_look_began_belongs_to_the_death_that_it_sees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = [7]
    monkeypatch.setattr(deaths, "out_of_memory_kills", lambda: counted[0])
    kills = deaths.MemoryKills()
    kills.tick()
    assert kills.fresh == 0
    counted[0] += 1
    assert kills.fresh == 1, "killed between the count and the look"
    kills.tick()
    assert kills.fresh == 1, "killed after the look before this one"
    kills.tick()
    assert kills.fresh == 0, "a later death has nothing to do with it"


def test_causes_of_death() -> None:
    assert cause_of(-9, {}) == "killed by SIGKILL"
    assert "out of memory" in cause_of(-9, {}, memory_kills=1)
    assert cause_of(-11, {"error": "old news"}) == "killed by SIGSEGV"
    assert cause_of(1, {"error": "ValueError: x"}) == "exit code 1: ValueError: x"
    assert cause_of(None, {}).startswith("killed (SIGKILL")
    assert cause_of(None, {"error": "ValueError: x"}) == "ended; its exit was not seen: ValueError: x"


def test_deaths_are_drawn_with_what_is_known() -> None:
    rows = [{"time": None, "service": "supervisor", "pid": 1, "cause": "gone", "restarted": False}]
    text = drawn(deaths_table(rows))
    assert "supervisor (1)" in text
    assert "gone; not started again" in text


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_backoff_doubles_up_to_a_limit_and_starts_over_after_health(lives: list[float]) -> None:
    backoff, early = Backoff(), 0
    for lived in lives:
        early = 0 if lived >= HEALTHY_SECONDS else early
        pause = backoff.after(lived)
        assert pause == pytest.approx(min(FIRST_SECONDS * 2**early, LONGEST_SECONDS))
        early += 1


def test_names_are_fresh_and_can_be_chosen(home: Home) -> None:
    request = Request("dogfight", preset="quick")
    names = {choose_name(home, request) for _ in range(20)}
    assert len(names) > 10
    assert all(name.startswith("dogfight-") and len(name) <= 48 for name in names)
    create(home, resolve(request), "duel-1")
    with pytest.raises(UsageError, match="taken"):
        choose_name(home, Request("dogfight", run="duel-1"))


def test_runs_are_picked_in_progress_first(home: Home) -> None:
    config = resolve(Request("dogfight", preset="quick"))
    one, two = create(home, config, "one"), create(home, config, "two")
    os.utime(one.config_file, ns=(1, 1))
    assert home.pick(None) == two
    two.want("stopped")
    assert home.pick(None) == one
    assert home.pick("two") == two
    one.want("stopped")
    assert home.pick(None) == two
    assert (one.desired()["generation"], two.desired()["generation"]) == (2, 2)
    with pytest.raises(UsageError, match="'one', 'two'"):
        home.pick("three")


def test_presets_come_from_the_given_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dogfight-mine.toml").touch()
    (tmp_path / "dogfight-quick.toml").touch()
    (tmp_path / "dogfighter.toml").touch()
    monkeypatch.setenv("LUDUS_CONFIGS", str(tmp_path))
    found = presets("dogfight")
    assert next(iter(found)) == "default"
    assert {"default", "mine", "quick"} <= set(found)
    assert found["quick"].parent == tmp_path
    assert "er" not in found


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("default", "dogfight.toml"),
        ("training", "dogfight.toml"),
        ("dogfight-training", "dogfight.toml"),
        ("dogfight-competition", "dogfight-competition.toml"),
    ],
)
def test_a_preset_answers_to_its_rule_set_and_to_its_full_name(name: str, file: str) -> None:
    assert preset_file("dogfight", name).name == file


def test_an_unknown_preset_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match=r"'default', 'competition'.*Did you mean 'competition'"):
        preset_file("dogfight", "dogfight-competitoin")


def test_addresses_and_versions() -> None:
    assert address_of("nats://127.0.0.1:5222") == ("127.0.0.1", 5222)
    assert address_of("nats://user:word@example.org") == ("example.org", 4222)
    assert address_of("nats://a:1,nats://b:2") == ("a", 1)
    for bad in ("http://x:1", "nats://", "nats://x:port"):
        with pytest.raises(UsageError, match="nats://HOST:PORT"):
            address_of(bad)
    assert version_number("nats-server: v2.12.3-beta.1") == (2, 12, 3)
    assert version_number("2.9.10") < (2, 12, 3)
    assert version_number("hello") == ()


def test_words() -> None:
    assert [seconds_text(s) for s in (0, 59.4, 200, 7500)] == ["0 s", "59 s", "3 min 20 s", "2 h 05 min"]
    assert [count_text(n) for n in (950, 9_999, 32_768, 1_250_000)] == ["950", "9,999", "33 k", "1.25 M"]
    assert [describe_exit(code) for code in (0, 1, -9, -15)] == [
        "exit code 0", "exit code 1", "killed by SIGKILL", "killed by SIGTERM",
    ]  # fmt: skip
    assert str(unknown("bot", "x", [])) == "unknown bot 'x': there is none yet."


def test_rows_survive_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    assert last_row(path) == {}
    for number in range(3000):
        append_row(path, {"number": number, "text": "x" * 100})
    with path.open("a") as file:
        file.write('{"number": 3000')
    assert last_row(path)["number"] == 2999
    assert len(read_rows(path)) == 3000
