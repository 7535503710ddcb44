"""What kept matches were like, where somebody has looked at them."""

from __future__ import annotations

from .blocks import Block, Table
from .story import Json, Story

PAIRINGS = {
    "players": ("pairing", 0), "n": ("n", 0), "dynamism": ("dynamism", 1), "seconds": ("seconds", 1),
    "elimination_rate": ("elimination", 2), "circling": ("circling", 2), "engagements": ("fights", 1),
    "hit_rate": ("hit rate", 2), "first_hit_seconds": ("first hit s", 1), "combat_speed": ("combat speed m/s", 0),
}  # fmt: skip
PLAYERS = {
    "player": ("player", 0), "n": ("n", 0), "shots": ("shots", 1), "hits": ("hits", 2), "accuracy": ("accuracy", 3),
    "low": ("95 % from", 3), "high": ("to", 3), "speed": ("speed m/s", 0), "energy": ("energy J/kg", 0),
    "advantage": ("ahead in energy", 2),
}  # fmt: skip
NOTE = (
    "Means over n kept matches, played again tick by tick. Dynamism goes from 0 to 100; circling 1: always turned to "
    "one side; fights: crossings of 200 m; accuracy: hits per shot with its Wilson interval; ahead: share of the time "
    "with more energy."
)


def fights(story: Story) -> list[Block]:
    if not story.fights:
        return []
    return [_table(PAIRINGS, story.fights["pairings"], ""), _table(PLAYERS, story.fights["players"], NOTE)]


def _table(columns: dict[str, tuple[str, int]], rows: list[Json], note: str) -> Table:
    cells = [[_cell(row[key], digits) for key, (_, digits) in columns.items()] for row in rows]
    return Table([heading for heading, _ in columns.values()], cells, note=note)


def _cell(value: str | float | None, digits: int) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,.{digits}f}"
