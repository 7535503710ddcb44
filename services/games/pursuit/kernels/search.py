"""The search term: how stale the grid cells are that the pursuer sees again."""

import warp as wp

from ..constants import CELLS, GRID
from .layout import Robot, Rules
from .real import ONE, ZERO, Real
from .sight import blocked

CELLS_PER_SIDE = wp.constant(Real(GRID))
HALF = wp.constant(Real(0.5))


@wp.func
def cell_centre(index: int, half: Real):
    """Coordinate of the centre of row or column `index` of the grid."""
    return -half + (Real(index) + HALF) * (half + half) / CELLS_PER_SIDE


@wp.func
def search(
    me: Robot,
    step: int,
    seen_at: wp.array2d(dtype=int),
    obstacles: wp.array2d(dtype=wp.vec3d),
    i: int,
    count: int,
    rules: Rules,
):
    """Mean staleness in [0, 1] of the cells in sight, which are fresh from now on; 0 without any.

    Cells count as in sight when their centre is within the sensing range and no obstacle lies between.
    """
    total = Real(0.0)
    cells = int(0)
    for k in range(CELLS):
        x = cell_centre(k // GRID, rules.half_width)
        y = cell_centre(k % GRID, rules.half_height)
        dx = x - me.x
        dy = y - me.y
        if wp.sqrt(dx * dx + dy * dy) <= rules.sensing_range:
            if not blocked(me.x, me.y, x, y, obstacles, i, count):
                total += wp.clamp(Real(step - seen_at[i, k]) / Real(rules.stale_steps), ZERO, ONE)
                cells += 1
                seen_at[i, k] = step
    if cells == 0:
        return ZERO
    return total / Real(cells)


@wp.func
def forget_cells(seen_at: wp.array2d(dtype=int), i: int, rules: Rules):
    """All cells as stale as can be."""
    for k in range(CELLS):
        seen_at[i, k] = -rules.stale_steps
