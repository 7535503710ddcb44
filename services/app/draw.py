"""A run's view as tables for the terminal. Pure: view in, rich objects out."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .home import Json
from .words import (
    age_text,
    clock_text,
    count_text,
    interval_text,
    number_text,
    percent,
    seconds_text,
    short_opponent,
    success_cells,
)

STATE_STYLES = {
    "training": "green", "evaluating": "cyan", "finished": "bold green", "failed": "bold red", "stopped": "yellow",
    "paused": "yellow", "ready": "green", "hung": "bold red", "dead": "bold red", "ended": "dim",
}  # fmt: skip
DEATHS_SHOWN = 3
RETURNS_SHOWN = 5


def plain_table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", no_wrap=True)
    return table


def state_text(state: str) -> Text:
    return Text(state, STATE_STYLES.get(state, "yellow"))


def headline(view: Json) -> Text:
    line = Text.assemble((str(view["run"]), "bold"), "  ", f"{view['game']}/{view['rules']}", "  ")
    line.append_text(state_text(str(view["state"])))
    if view.get("phase") and view["state"] in ("training", "paused"):
        share = view.get("scripted_share")
        line.append(f"  phase {view['phase']}" + ("" if share is None else f", {percent(share)} scripted"))
        if view.get("randomisation"):
            line.append(f", randomisation {view['randomisation']}")
        if view.get("on_trial"):
            line.append(", the next stage on trial")
    if view.get("reason") and view["state"] in ("failed", "stopped"):
        line.append(f"  {view['reason']}")
    return line


def progress_line(view: Json) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=1.0, completed=view["progress"], width=24)
    parts = [
        percent(view["progress"]),
        f"{count_text(view['decisions'] or 0)} of {count_text(view['total_decisions'])}",
        f"update {view['step']}/{view['total_steps']}",
    ]
    if view.get("eta_seconds"):
        parts.append(f"ETA {seconds_text(view['eta_seconds'])}")
    elif view["state"] == "evaluating":
        parts.append("measuring the last version")
    grid.add_row(bar, "  ".join(parts))
    return grid


def numbers_line(view: Json) -> Text:
    rate = view.get("decisions_per_second")
    parts = [
        f"{'-' if rate is None else format(rate, ',.0f')} decisions/s",
        f"KL {number_text(view.get('kl'), 4)} (limit {number_text(view.get('target_kl'))})",
        f"entropy {number_text(view.get('entropy'), 2)}",
        f"checkpoint {_or_dash(view.get('durable_step'))}",
    ]
    if view.get("elapsed_seconds"):
        parts.append(seconds_text(view["elapsed_seconds"]))
    return Text("  ".join(parts))


def agents_of(view: Json) -> list[Json]:
    """The view of each agent: what it played and how it was measured."""
    if len(view["agents"]) < 2:
        return [view]
    rows = ("opponents", "evaluations")
    return [
        {**view, "agents": [agent], **{key: [one for one in view[key] if one["agent"] == agent] for key in rows}}
        for agent in view["agents"]
    ]


def learners_table(view: Json) -> Table:
    """One line per agent, where there are several."""
    table = plain_table("agent", "update", "decisions", "per second", "KL", "entropy", "", right=(1, 2, 3, 4, 5))
    for one in view["learners"]:
        rests = bool(view["learning"]) and one["agent"] not in view["learning"]
        table.add_row(
            one["agent"], str(one["step"]), count_text(one["decisions"]), f"{one['decisions_per_second']:,.0f}",
            number_text(one["kl"], 4), number_text(one["entropy"], 2), "rests" if rests else "",
        )  # fmt: skip
    return table


def opponents_table(view: Json) -> Table:
    """Training against, and the newest measurement of, each opponent; fits into 80 columns."""
    newest = newest_evaluation(view)
    table = plain_table("opponent", "recent", "W/D/L", "n", "measured", "95 %", "n", "Elo", right=(1, 2, 3, 4, 5, 6, 7))
    rows = {row["opponent"]: row for row in newest.get("rows", [])}
    training = {row["opponent"]: row for row in view["opponents"]}
    for name in dict.fromkeys([*training, *rows]):
        table.add_row(
            short_opponent(name),
            *_training(training.get(name)),
            *_measured(rows.get(name)),
            number_text(view["ratings"].get(name), 0),
        )
    (agent,) = view["agents"]
    name = "the learner" if agent == "main" else agent
    table.add_row(name, *[""] * 6, number_text(view["ratings"].get(agent), 0), style="bold")
    return table


def returns_table(view: Json) -> Table:
    """The newest measurements of a player alone, oldest first."""
    head = ("measured", "mean return", "95 %", "n", "decisions", "success", "95 %")
    table = plain_table(*head, right=tuple(range(1, len(head))))
    for row in view["returns"][-RETURNS_SHOWN:]:
        interval = f"{row['low']:,.1f} … {row['high']:,.1f}"
        table.add_row(
            row["candidate"], f"{row['mean']:,.1f}", interval, str(row["episodes"]), f"{row['decisions']:,.1f}",
            *success_cells(row)[:2],
        )  # fmt: skip
    recent = view["recent_success"]
    success = "-" if recent is None else percent(recent)
    table.add_row("training", number_text(view["recent_return"], 1), "", "", "", success, "", style="bold")
    return table


def newest_evaluation(view: Json) -> Json:
    """The newest version measured; step 0 only while there is no other."""
    measured = [one for one in view["evaluations"] if one["step"] > 0] or view["evaluations"]
    return dict(measured[-1]) if measured else {}


def legend(view: Json) -> Text:
    """What the columns of the opponents' table mean at this moment."""
    policy = newest_evaluation(view).get("policy")
    text = "recent: points in training"
    return Text(text + (f"; measured: wins of {policy}, evaluation seeds" if policy else ""), "dim")


def _training(row: Json | None) -> tuple[str, str, str]:
    if not row or not row["n"]:
        return "-", "-", "-"
    return percent(row["recent_score"]), f"{row['wins']}/{row['draws']}/{row['losses']}", str(row["n"])


def _measured(row: Json | None) -> tuple[str, str, str]:
    if not row or not row["n"]:
        return "-", "-", "-"
    return percent(row["win_rate"]), interval_text(row["low"], row["high"]), str(row["n"])


def services_line(view: Json) -> Text:
    """Health in one line."""
    line = Text("services  ", "dim")
    for service in view["services"]:
        age, restarts = service["heartbeat_age_seconds"], service["restarts"]
        late = f" {age_text(age)}" if age is not None and service["alive"] else ""
        again = f" (restarted {restarts}x)" if restarts else ""
        line.append(f"{service['service']} ")
        line.append_text(state_text(str(service["state"])))
        line.append(f"{late}{again}   ")
    return line


def waiting(view: Json) -> list[str]:
    """Why services that live are not ready, one text each."""
    return [
        f"{one['service']}: {one['reason']}"
        for one in view["services"]
        if one["alive"] and one["state"] != "ready" and one["reason"]
    ]


def services_table(view: Json) -> Table:
    table = plain_table(
        "service", "state", "pid", "heartbeat", "restarts", "step", "durable", "http", "", right=(2, 3, 4, 5, 6, 7)
    )
    # The long words wrap; without this they would squeeze every other column to nothing.
    table.columns[-1].no_wrap = False
    table.columns[-1].overflow = "fold"
    for service in view["services"]:
        table.add_row(
            service["service"],
            state_text(str(service["state"])),
            str(service["pid"] or "-"),
            age_text(service["heartbeat_age_seconds"]),
            str(service["restarts"]),
            _or_dash(service["step"]),
            _or_dash(service["durable_step"]),
            _or_dash(service["http_port"]),
            Text(str(service["error"] or service["reason"])),
        )
    return table


def deaths_table(deaths: list[Json]) -> Table:
    """`last beat`: how old the last heartbeat was at the death."""
    table = plain_table("died at", "what", "why", "last beat", "step", "durable", right=(3, 4, 5))
    table.columns[2].no_wrap = False
    for row in deaths:
        table.add_row(
            clock_text(row.get("time")),
            f"{row.get('service')} ({row.get('pid')})",
            Text(str(row.get("cause")) + ("" if row.get("restarted") else "; not started again")),
            age_text(row.get("heartbeat_age_seconds")),
            _or_dash(row.get("step")),
            _or_dash(row.get("durable_step")),
        )
    return table


def live(view: Json, hint: str) -> RenderableType:
    """The live picture: about 20 lines."""
    parts: list[RenderableType] = [headline(view), progress_line(view), numbers_line(view), Text()]
    if view["recent_return"] is not None or view["returns"]:
        parts += [returns_table(view), Text("undiscounted returns; measured: evaluation seeds", "dim"), Text()]
    if len(view["learners"]) > 1:
        parts += [learners_table(view), Text()]
    if view["opponents"] or view["evaluations"]:
        parts += [part for one in agents_of(view) for part in (opponents_table(one), legend(one), Text())]
    parts.append(services_line(view))
    parts += [Text(text, "dim") for text in waiting(view)]
    if deaths := view["deaths"][-DEATHS_SHOWN:]:
        parts += [Text(), deaths_table(deaths)]
    parts += [Text(f"! {warning}", "yellow") for warning in view["warnings"]]
    parts.append(Text(hint, "dim"))
    return Group(*parts)


def _or_dash(value: Any) -> str:
    return "-" if value is None else str(value)
