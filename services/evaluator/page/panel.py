"""What the last version reached against fixed references, beside step 0."""

from __future__ import annotations

from ...kernel.players import agent_of
from .blocks import Block, Cell, Table, Text
from .story import Json, Story
from .words import interval, percent, short_name

NOTE = (
    "{seats}, on starts that training never sees; {play}. 95 %: Wilson interval. "
    "Seats: wins/draws/losses where the policy sat in seat 0 and in seat 1; rate and interval appear over the cell."
)


def candidate(story: Story, label: str, agent: str) -> Json:
    """The measurements of one version: `final` is the newest while the run goes on. Empty if there are none."""
    own = [one for one in story.measured.get("candidates", []) if agent_of(one["policy"]) == agent]
    return next((one for one in own if one["label"] == label), {})


def results(story: Story) -> list[Block]:
    """The final table, or that of returns where one plays alone; and the other regimes."""
    if story.measured.get("returns"):
        return [_returns(story)]
    measured = [agent for agent in story.agents if candidate(story, "final", agent)]
    if not measured:
        return [Text("Nothing has been measured yet: the first measurement, of step 0, is under way.")]
    tables = [block for agent in measured for block in _of_agent(story, agent)]
    return [*tables, *_regimes(story)]


def _of_agent(story: Story, agent: str) -> list[Block]:
    newest, first = candidate(story, "final", agent), candidate(story, "step 0", agent)
    so_far = "" if story.outcome else "So far: the newest version that was measured is "
    said = [Text(f"{so_far}{newest['policy']}")] if so_far or len(story.agents) > 1 else []
    return [*said, _panel(story, newest, first)]


def _panel(story: Story, newest: Json, first: Json) -> Table:
    before = {row["opponent"]: row for row in first.get("rows", [])}
    head = ["opponent", "wins", "draws", "losses", "n", "win rate", "95 %", "in seat 0", "in seat 1",
            "step 0", "95 %", "n"]  # fmt: skip
    rows: list[list[str | Cell]] = [
        [
            short_name(row["opponent"], whose=len(story.agents) > 1), *_counts(row), *_rate(row), *_seats(row),
            *(_before(before.get(row["opponent"])) if first is not newest else ["-"] * 3),
        ]
        for row in newest["rows"]
    ]  # fmt: skip
    return Table(head, rows, note=NOTE.format(play=_play(story), seats=_seating(story)))


def _seating(story: Story) -> str:
    roles = any(agent.get("role") for agent in story.config.get("agents", []))
    return "Roles keep their seats" if roles else "Both seats equally often"


def _play(story: Story) -> str:
    deterministic = story.config.get("evaluator", {}).get("deterministic", True)
    return "policies play their best action" if deterministic else "policies draw their actions"


def _counts(row: Json) -> list[str]:
    return [str(row[key]) for key in ("wins", "draws", "losses", "n")]


def _rate(row: Json) -> list[str]:
    return [percent(row["win_rate"]), interval(row["low"], row["high"])] if row["n"] else ["-", "-"]


def _seats(row: Json) -> list[Cell]:
    found = row.get("seats") or []
    return [Cell(_in_seat(one), hint=_of_seat(one)) for one in found] if len(found) == 2 else [Cell("-"), Cell("-")]


def _in_seat(one: Json) -> str:
    return f"{one['wins']}/{one['draws']}/{one['losses']}"


def _of_seat(one: Json) -> str:
    if not one.get("n"):
        return ""
    return f"{percent(one['win_rate'])} wins ({interval(one['low'], one['high'])}), n = {one['n']}"


def _before(row: Json | None) -> list[str]:
    return [*_rate(row), str(row["n"])] if row and row["n"] else ["-"] * 3


def _regimes(story: Story) -> list[Block]:
    """Every opponent under every condition."""
    found = [one for one in story.measured.get("regimes", []) if any(row["n"] for row in one["rows"])]
    if not found:
        return []
    rows = [
        [one["regime"], short_name(row["opponent"]), *_counts(row), *_rate(row)] for one in found for row in one["rows"]
    ]
    head = ["regime", "opponent", "wins", "draws", "losses", "n", "win rate", "95 %"]
    return [Table(head, rows, words=2, note="The same policy under other conditions.")]


def _returns(story: Story) -> Table:
    shown = [row for row in story.measured["returns"] if row["label"] in ("final", "step 0")]
    shown += story.measured.get("other_returns", [])
    threshold = story.measured.get("success_return")
    head = ["policy", "", "episodes", "mean return", "95 %", "standard deviation", "decisions per episode"]
    rows = [_return_row(row) for row in reversed(shown)]
    if threshold is not None:
        head.append(f"success (return ≥ {threshold:g})")
        rows = [[*cells, _success(row)] for cells, row in zip(rows, reversed(shown), strict=True)]
    note = f"Undiscounted returns on seeds never trained on; {_play(story)}. 95 %: Student's t; of successes Wilson."
    return Table(head, rows, words=2, note=note)


def _return_row(row: Json) -> list[str]:
    return [
        row["policy"], row["label"], str(row["n"]), f"{row['mean']:,.2f}", f"{row['low']:,.2f} … {row['high']:,.2f}",
        f"{row['std']:,.2f}", f"{row['decisions']:,.1f}",
    ]  # fmt: skip


def _success(row: Json) -> str:
    if not row.get("judged"):
        return "-"
    return f"{percent(row['success_rate'])} ({interval(row['success_low'], row['success_high'])}), n = {row['judged']}"
