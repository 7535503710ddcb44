"""The dashboards themselves: whole, without overlap, every metric on one of them, every question well formed."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run as cli
from ludus.app.grafana.boards import Board, boards, expressions
from ludus.app.grafana.panels import panel_of
from ludus.kernel.metric_table import METRICS, Metric

BOARDS = boards()
PROMTOOL = shutil.which("promtool")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_have_numbers_and_places_of_their_own(board: Board) -> None:
    panels = board.json()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells, f"{panel['title']} lies on another panel"
        cells |= own
        if panel["type"] != "row":
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs) >= 1


def test_every_metric_is_shown_and_every_board_has_its_own_address() -> None:
    shown = {name for board in BOARDS for panel in board.panels for name in panel.metrics}
    assert shown == {metric.name for metric in METRICS}
    assert all(one.uid != other.uid for one, other in combinations(BOARDS, 2))
    assert [board.uid for board in BOARDS] == [
        "ludus-overview", "ludus-learner", "ludus-league", "ludus-health", "ludus-infrastructure",
    ]  # fmt: skip


def test_a_counter_is_a_rate_a_timestamp_an_age_and_health_is_coloured() -> None:
    def of(name: str) -> Any:
        return panel_of(next(metric for metric in METRICS if metric.name == f"ludus_learner_{name}")).json(
            1, 0, 0, 8, 7
        )

    assert (
        of("updates_total")["targets"][0]["expr"] == 'rate(ludus_learner_updates_total{run=~"$run"}[$__rate_interval])'
    )
    age = of("checkpoint_timestamp_seconds")
    assert age["targets"][0]["expr"].startswith("time() - ")
    assert age["fieldConfig"]["defaults"]["unit"] == "s"
    steps = of("kl")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 0.005, 0.05]
    assert "{{component}}" in of("action_std")["targets"][0]["legendFormat"]


def test_a_new_metric_appears_by_itself() -> None:
    fresh = Metric("ludus_learner_fresh", "gauge", "learner", "something new")
    (found,) = [board for board in boards((*METRICS, fresh)) if fresh.name in str(board.json())]
    assert found.uid == "ludus-learner"


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    assert PROMTOOL
    asked = sorted({expression for board in BOARDS for expression in expressions(board)})
    assert len(asked) > 80
    rules = [{"record": f"check:{k}", "expr": expression} for k, expression in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(asked)} rules found" in done.stdout


def test_what_is_written_provisions_grafana_and_prometheus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "observability"
    assert cli(["--home", str(tmp_path / "home"), "dashboards", "write", str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(BOARDS) + 5
    for board in BOARDS:
        assert json.loads((folder / "dashboards" / f"{board.uid}.json").read_text())["uid"] == board.uid

    def tree(name: str) -> Any:
        return json.loads("\n".join((folder / name).read_text().splitlines()[1:]))

    (provider,) = tree("provisioning/dashboards/ludus.yaml")["providers"]
    assert provider["options"]["path"] == str(folder / "dashboards")
    (job,) = tree("prometheus.yml")["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [str(tmp_path / "home" / "targets.json")]
    if PROMTOOL:
        done = subprocess.run(
            [PROMTOOL, "check", "config", str(folder / "prometheus.yml")], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    if amtool := shutil.which("amtool"):
        argv = [amtool, "check-config", str(folder / "alertmanager.yml")]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class Grafana(ThreadingHTTPServer):
    """Takes down what is asked, and answers as Grafana's API documents it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    server: Grafana

    def _answer(self, code: int, tree: Any) -> None:
        body = json.dumps(tree).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _take(self) -> Any:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        tree = json.loads(body) if body else {}
        self.server.asked.append((self.command, self.path.partition("?")[0], tree))
        self.server.tokens.add(self.headers.get("Authorization", ""))
        return tree

    def do_GET(self) -> None:
        self._take()
        self._answer(200, [] if "folders" in self.path else {"database": "ok", "version": "11.0.0"})

    def do_POST(self) -> None:
        tree = self._take()
        if "refused" in self.headers.get("Authorization", ""):
            self._answer(401, {"message": "Unauthorized"})
        elif "folders" in self.path:
            self._answer(200, {"uid": "folder-1", "title": tree["title"]})
        else:
            self._answer(200, {"status": "success", "url": f"/d/{tree['dashboard']['uid']}"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    server = Grafana()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_push_writes_every_board_over_its_older_self(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("grafana_client")
    url = f"http://127.0.0.1:{grafana.server_port}"
    monkeypatch.setenv("GRAFANA_URL", url)
    monkeypatch.setenv("GRAFANA_TOKEN", "a-token")
    assert cli(["dashboards", "push"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{url}/d/{board.uid}" for board in BOARDS]
    written = [tree for method, path, tree in grafana.asked if (method, path) == ("POST", "/api/dashboards/db")]
    assert [tree["dashboard"]["uid"] for tree in written] == [board.uid for board in BOARDS]
    assert all(tree["overwrite"] and tree["folderUid"] == "folder-1" for tree in written)
    assert grafana.tokens == {"Bearer a-token"}


def test_push_says_what_is_missing_or_wrong(
    grafana: Grafana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("grafana_client")
    monkeypatch.delenv("GRAFANA_URL", raising=False)
    assert cli(["dashboards", "push"]) == 2
    assert "set GRAFANA_URL" in capsys.readouterr().err
    monkeypatch.setenv("GRAFANA_URL", f"http://127.0.0.1:{grafana.server_port}")
    monkeypatch.setenv("GRAFANA_TOKEN", "refused")
    assert cli(["dashboards", "push"]) == 1
    assert "refuses" in capsys.readouterr().err
    monkeypatch.setenv("GRAFANA_URL", "http://127.0.0.1:9")
    assert cli(["dashboards", "push"]) == 1
    assert "does not answer" in capsys.readouterr().err
