"""Who scores how much against whom: a matrix of measured matches, every cell with its n."""

from __future__ import annotations

from ...kernel.players import is_bot, is_guest, is_version, version_of
from .blocks import Block, Cell, Table
from .story import Story
from .words import short_name

#: More versions than this are thinned out: first, last and some between.
MOST_VERSIONS = 12
NOTE = (
    "Mean score of the row against the column: win 1, draw ½, loss 0; green above ½, red below. "
    "Measured matches on evaluation seeds; counts and n appear over a cell."
)

Counts = tuple[int, int, int]


def payoff(story: Story) -> list[Block]:
    """Empty with fewer than two players."""
    met = matrix(story)
    players = _chosen({name for pair in met for name in pair})
    if len(players) < 2:
        return []
    names = {player: short_name(player, whose=len(story.agents) > 1) for player in players}
    rows = [[Cell(names[row]), *(_cell(row, column, met) for column in players)] for row in players]
    return [Table(["", *names.values()], rows, note=NOTE, dense=True)]


def matrix(story: Story) -> dict[tuple[str, str], Counts]:
    """Wins, draws and losses of the first against the second, in both directions."""
    met: dict[tuple[str, str], Counts] = {}
    for pair in story.measured.get("pairs", []):
        one, other = pair["first"], pair["second"]
        wins, draws, losses = met.get((one, other), (0, 0, 0))
        total = (wins + pair["wins"], draws + pair["draws"], losses + pair["losses"])
        met[one, other], met[other, one] = total, total[::-1]
    return met


def _chosen(players: set[str]) -> list[str]:
    """Versions from old to new, then guests, then bots."""
    own = sorted((p for p in players if is_version(p) and not is_guest(p)), key=lambda p: version_of(p)[1:][::-1])
    if len(own) > MOST_VERSIONS:
        own = [own[round(k * (len(own) - 1) / (MOST_VERSIONS - 1))] for k in range(MOST_VERSIONS)]
    return [*own, *sorted(p for p in players if is_guest(p)), *sorted(p for p in players if is_bot(p))]


def _cell(row: str, column: str, met: dict[tuple[str, str], Counts]) -> Cell:
    if (row, column) not in met:
        return Cell("" if row != column else "·")
    wins, draws, losses = met[row, column]
    n = wins + draws + losses
    score = (wins + draws / 2) / n
    return Cell(f"{score:.2f}", tone=2 * score - 1, hint=f"{row} against {column}: {wins}/{draws}/{losses}, n = {n}")
