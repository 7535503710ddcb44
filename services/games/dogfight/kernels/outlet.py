"""Handing out observations: the parts of the chosen layout, into the arrays that the host reads."""

import warp as wp

from .features import USUAL_BULLET_SPEED, USUAL_MAX_SPEED, Config, Egocentric, config, egocentric
from .frame import LAST_FRAME, Frame
from .layout import Physics, Rules
from .sight import Sight


@wp.struct
class Outlet:
    """Where observations [B, 2] go: their parts, as views of one array. Only the parts of the layout are written."""

    sights: wp.array2d(dtype=Sight)
    frames: wp.array3d(dtype=Frame)
    features: wp.array2d(dtype=Egocentric)
    configs: wp.array2d(dtype=Config)


@wp.func
def show(
    outlet: Outlet,
    history: wp.array3d(dtype=Frame),
    i: int,
    seat: int,
    decision: int,
    row: Sight,
    p: Physics,
    rules: Rules,
):
    """Hand out one observation; in competition the frames up to that of `decision` are in the history already."""
    if rules.competition > 0:
        for k in range(rules.frames):
            outlet.frames[i, seat, k] = history[i, seat, (decision - k) & LAST_FRAME]
    else:
        outlet.sights[i, seat] = row
    if rules.egocentric:
        # Who is not shown the physics must be able to compute the features without them.
        max_speed = wp.where(rules.config, p.max_speed, USUAL_MAX_SPEED)
        bullet_speed = wp.where(rules.config, p.bullet_speed, USUAL_BULLET_SPEED)
        outlet.features[i, seat] = egocentric(row, max_speed, bullet_speed)
    if rules.config:
        outlet.configs[i, seat] = config(p)
