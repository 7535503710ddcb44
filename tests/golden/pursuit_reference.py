"""The rules of pursuit–evasion in plain scalar Python, float64: the yardstick for the kernels.

Written from the text of the rules, not from the kernels, and kept simple rather than fast. One `World` is one match.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from math import atan2, cos, exp, hypot, inf, pi, sin

PHYSICS = {
    "dt": 0.05,
    "max_steps": 1200,
    "arena_width": 20.0,
    "arena_height": 20.0,
    "capture_radius": 0.5,
    "robot_radius": 0.15,
    "pursuer_speed": 1.0,
    "evader_speed": 1.0,
    "pursuer_turn_rate": 2.84,
    "evader_turn_rate": 2.84,
    "prep_steps": 0,
    "stale_steps": 50,
    "barrier_decay": 0.2,
}
WEIGHTS = {
    "approach": 1.0,
    "capture": 100.0,
    "timeout": -100.0,
    "sight": 0.0,
    "search": 0.0,
    "occlusion": 0.0,
    "visibility": 0.0,
    "survival": 0.0,
    "cover": 0.0,
    "collision": 0.0,
    "wall": 0.0,
}
PURSUER, EVADER = 0, 1


def wrap(angle: float) -> float:
    return (angle + pi) % (2 * pi) - pi


def clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


@dataclass
class Circle:
    x: float
    y: float
    radius: float


@dataclass
class Robot:
    x: float
    y: float
    theta: float
    v: float = 0.0
    omega: float = 0.0
    wall: bool = False
    collision: bool = False


@dataclass
class Sight:
    """Who is masked, and by what. masked: per seat."""

    masked: tuple[bool, bool] = (False, False)
    flag: bool = False
    sensing_range: float | None = None
    fov: float | None = None
    line_of_sight: bool = False
    sensor: bool = False


@dataclass
class World:
    robots: list[Robot]
    circles: list[Circle]
    physics: dict[str, float]
    weights: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    sight: Sight = field(default_factory=Sight)
    step: int = 0
    seen_at: list[int] = field(default_factory=lambda: [-50] * 100)
    safe: bool = False

    # --- geometry ------------------------------------------------------------------------------------

    @property
    def half(self) -> tuple[float, float]:
        return self.physics["arena_width"] / 2, self.physics["arena_height"] / 2

    @property
    def diagonal(self) -> float:
        return hypot(self.physics["arena_width"], self.physics["arena_height"])

    def distance(self) -> float:
        p, e = self.robots
        return hypot(p.x - e.x, p.y - e.y)

    def bearing(self, seat: int) -> float:
        me, other = self.robots[seat], self.robots[1 - seat]
        return wrap(atan2(other.y - me.y, other.x - me.x) - me.theta)

    def clear(self, ax: float, ay: float, bx: float, by: float) -> bool:
        """Whether no circle touches the segment from a to b."""
        length2 = (bx - ax) ** 2 + (by - ay) ** 2
        if length2 < 1e-12:
            return True
        for c in self.circles:
            t = clamp(((c.x - ax) * (bx - ax) + (c.y - ay) * (by - ay)) / length2, 0.0, 1.0)
            if hypot(c.x - ax - t * (bx - ax), c.y - ay - t * (by - ay)) <= c.radius:
                return False
        return True

    def clear_between(self) -> bool:
        p, e = self.robots
        return self.clear(p.x, p.y, e.x, e.y)

    def detected(self, seat: int) -> bool:
        """The sensor of the sensor layout: 120° and less than 10 m, through obstacles."""
        return self.distance() < 10.0 and (self.distance() < 1e-10 or abs(self.bearing(seat)) <= pi / 3)

    def visible(self, seat: int) -> bool:
        s = self.sight
        if s.sensor:
            return self.detected(seat)
        if not s.masked[seat]:
            return True
        if s.fov is None and s.sensing_range is None:
            return self.clear_between()
        if self.distance() > (inf if s.sensing_range is None else s.sensing_range):
            return False
        if s.fov is not None and self.distance() > 1e-12 and abs(self.bearing(seat)) > s.fov / 2:
            return False
        return self.clear_between() if s.line_of_sight else True

    # --- one step ------------------------------------------------------------------------------------

    def limits(self, seat: int) -> tuple[float, float]:
        role = ("pursuer", "evader")[seat]
        return self.physics[f"{role}_speed"], self.physics[f"{role}_turn_rate"]

    def clipped(self, seat: int, action: tuple[float, float]) -> tuple[float, float]:
        speed, turn = self.limits(seat)
        return clamp(action[0], 0.0, speed), clamp(action[1], -turn, turn)

    def drive(self, robot: Robot, v: float, omega: float) -> None:
        dt, r = self.physics["dt"], self.physics["robot_radius"]
        wide, high = (side - r for side in self.half)
        x, y = robot.x + v * cos(robot.theta) * dt, robot.y + v * sin(robot.theta) * dt
        robot.theta = wrap(robot.theta + omega * dt)
        robot.v, robot.omega = v, omega
        robot.x, robot.y = clamp(x, -wide, wide), clamp(y, -high, high)
        robot.wall, robot.collision = (robot.x, robot.y) != (x, y), False
        for _ in range(3):
            still = True
            for c in self.circles:
                d = hypot(robot.x - c.x, robot.y - c.y)
                if d < c.radius + r:
                    still, robot.collision = False, True
                    nx, ny = (cos(robot.theta), sin(robot.theta))
                    if d >= 1e-10:
                        nx, ny = (robot.x - c.x) / d, (robot.y - c.y) / d
                    robot.x, robot.y = c.x + nx * (c.radius + r), c.y + ny * (c.radius + r)
            if still:
                break
        robot.x, robot.y = clamp(robot.x, -wide, wide), clamp(robot.y, -high, high)

    def cover(self) -> float:
        e = self.robots[EVADER]
        return min((max(hypot(e.x - c.x, e.y - c.y) - c.radius, 0.0) for c in self.circles), default=inf)

    def advance(self, actions: list[tuple[float, float]]) -> tuple[list[float], str]:
        """Play one step; the rewards of both, and how the match stands."""
        before, cover = self.distance(), self.cover()
        chosen = [self.clipped(seat, actions[seat]) for seat in (0, 1)]
        if self.safe:
            chosen[0] = self.clipped(0, safe_action(self, chosen[0]))
        if self.step < self.physics["prep_steps"]:
            chosen[0] = (0.0, chosen[0][1])
        for robot, (v, omega) in zip(self.robots, chosen, strict=True):
            self.drive(robot, v, omega)
        self.step += 1
        ending = "running"
        if self.distance() <= self.physics["capture_radius"]:
            ending = "capture"
        elif self.step >= self.physics["max_steps"]:
            ending = "timeout"
        return self.rewards(before, cover, ending), ending

    # --- reward --------------------------------------------------------------------------------------

    def rewards(self, before: float, cover: float, ending: str) -> list[float]:
        w, s, clear, running = self.weights, self.sight, self.clear_between(), ending == "running"
        p, e = self.robots
        pursuer = w["approach"] * (before - self.distance()) / self.diagonal
        pursuer += {"running": 0.0, "capture": w["capture"], "timeout": w["timeout"]}[ending]
        in_range = s.sensing_range is None or self.distance() <= s.sensing_range
        if running and in_range and clear:
            pursuer += w["sight"]
        if w["visibility"] and self.circles and running:
            evader = -w["visibility"] if clear else w["visibility"]
        else:
            evader = -pursuer
            if not clear and ending != "capture":
                evader += w["occlusion"]
        if running:
            evader += w["survival"]
            if self.circles:
                evader += w["cover"] * (cover - self.cover()) / self.diagonal
        pursuer += w["collision"] * p.collision + w["wall"] * p.wall
        evader += w["collision"] * e.collision + w["wall"] * e.wall
        if w["search"] and not self.visible(PURSUER):
            pursuer += w["search"] * self.search()
        return [pursuer, evader]

    def search(self) -> float:
        p, (wide, high) = self.robots[PURSUER], self.half
        found = []
        for k in range(100):
            x, y = -wide + (k // 10 + 0.5) * wide / 5, -high + (k % 10 + 0.5) * high / 5
            near = self.sight.sensing_range is None or hypot(x - p.x, y - p.y) <= self.sight.sensing_range
            if near and self.clear(p.x, p.y, x, y):
                found.append(clamp((self.step - self.seen_at[k]) / self.physics["stale_steps"], 0.0, 1.0))
                self.seen_at[k] = self.step
        return sum(found) / len(found) if found else 0.0

    # --- observation ---------------------------------------------------------------------------------

    def observe(self, seat: int, shown: int, egocentric: bool) -> list[float]:
        me, other, (wide, high) = self.robots[seat], self.robots[1 - seat], self.half
        top_v, top_omega = self.limits(PURSUER)
        seen, d, b = self.visible(seat), self.distance(), self.bearing(seat)
        row = [me.x / wide, me.y / high, me.theta / pi, me.v / top_v, me.omega / top_omega]
        hidden = [other.x / wide, other.y / high, other.theta / pi, other.v / top_v, other.omega / top_omega]
        hidden += [d / self.diagonal, b / pi]
        row += hidden if seen else [0.0] * 7
        row += [min(me.x + wide, wide - me.x) / wide, min(me.y + high, high - me.y) / high]
        row += [float(seen)] if self.sight.flag else []
        nearest = sorted(self.circles, key=lambda c: hypot(c.x - me.x, c.y - me.y))[:shown]
        gaps = [max(hypot(c.x - me.x, c.y - me.y) - c.radius, 0.0) for c in nearest]
        angles = [wrap(atan2(c.y - me.y, c.x - me.x) - me.theta) for c in nearest]
        for gap, angle in zip(gaps, angles, strict=True):
            row += [min(gap / self.diagonal, 1.0), angle / pi]
        row += [1.0, 0.0] * (shown - len(nearest))
        if not egocentric:
            return row
        back = self.bearing(1 - seat)
        row += [cos(me.theta), sin(me.theta)]
        about = [cos(other.theta), sin(other.theta), cos(b), sin(b), cos(back), sin(back), exp(-d / 2), min(d / 4, 1.0)]
        row += about if seen else [0.0] * 8
        row += [self.step / self.physics["max_steps"]]
        for gap, angle in zip(gaps, angles, strict=True):
            row += [cos(angle), sin(angle), exp(-gap)]
        return row + [0.0] * 3 * (shown - len(nearest))

    def frame(self, seat: int) -> list[float]:
        """State and noiseless lidar of the sensor layout."""
        me = self.robots[seat]
        seen = (self.distance(), self.bearing(seat)) if self.detected(seat) else (-1.0, 0.0)
        angles = [me.theta - pi + 2 * pi * k / 36 for k in range(36)]
        return [me.x, me.y, me.theta, me.v, me.omega, *seen, *(self.ray(me, angle) for angle in angles)]

    def ray(self, me: Robot, angle: float) -> float:
        """Free way, found from the places where the ray meets the four walls and the circles."""
        dx, dy, (wide, high) = cos(angle), sin(angle), self.half
        hits = [(side - at) / d for at, d, half in ((me.x, dx, wide), (me.y, dy, high)) if abs(d) > 1e-10
                for side in (-half, half)]  # fmt: skip
        for c in self.circles:
            along, off = (c.x - me.x) * dx + (c.y - me.y) * dy, (c.x - me.x) * dy - (c.y - me.y) * dx
            if abs(off) <= c.radius:
                chord = math.sqrt(c.radius**2 - off**2)
                hits += [along - chord, along + chord]
        return clamp(min(t for t in hits if t > 1e-6), 0.0, 5.0)


# --- safety filter -----------------------------------------------------------------------------------


def barrier_rows(world: World) -> list[tuple[float, float, float]]:
    """Rows (a, b, c) of a·v + b·ω + c ≥ 0: the robot's limits, walls, obstacles, opponent."""
    p, e = world.robots
    speed, turn = world.limits(PURSUER)
    dt, decay, r = world.physics["dt"], world.physics["barrier_decay"], world.physics["robot_radius"]
    qx, qy = p.x + 0.1 * cos(p.theta), p.y + 0.1 * sin(p.theta)
    wide, high = (side - r for side in world.half)
    barriers = [(wide - qx, -1.0, 0.0), (wide + qx, 1.0, 0.0), (high - qy, 0.0, -1.0), (high + qy, 0.0, 1.0)]
    keep_off = [(c.x, c.y, c.radius + r) for c in world.circles]
    keep_off.append((e.x + 0.1 * cos(e.theta), e.y + 0.1 * sin(e.theta), 0.35))
    for x, y, radius in keep_off:
        barriers.append(((qx - x) ** 2 + (qy - y) ** 2 - radius**2, 2 * (qx - x), 2 * (qy - y)))
    rows = [(1.0, 0.0, 0.0), (-1.0, 0.0, speed), (0.0, 1.0, turn), (0.0, -1.0, turn)]
    for h, gx, gy in barriers:
        forward, sideways = gx * cos(p.theta) + gy * sin(p.theta), gy * cos(p.theta) - gx * sin(p.theta)
        rows.append((dt * forward, dt * 0.1 * sideways, decay * h))
    return rows


def safe_action(world: World, action: tuple[float, float]) -> tuple[float, float]:
    """The allowed action nearest to the given one, by trying it, all its projections on rows, and all corners."""
    scale = math.sqrt(150.0)
    rows = []
    for a, b, c in barrier_rows(world):
        size = hypot(a / scale, b)
        if size < 1e-12:
            if c < 0:
                return 0.0, action[1]
            continue
        rows.append((a / scale / size, b / size, c / size))
    x0, y0 = action[0] * scale, action[1]
    points = [(x0, y0)]
    for a, b, c in rows:
        off = a * x0 + b * y0 + c
        points.append((x0 - off * a, y0 - off * b))
    for k, (a, b, c) in enumerate(rows):
        for a2, b2, c2 in rows[:k]:
            det = a * b2 - a2 * b
            if abs(det) > 1e-12:
                points.append(((b * c2 - b2 * c) / det, (a2 * c - a * c2) / det))
    fit = [(x, y) for x, y in points if all(a * x + b * y + c >= -1e-8 for a, b, c in rows)]
    if not fit:
        return 0.0, action[1]
    x, y = min(fit, key=lambda point: hypot(point[0] - x0, point[1] - y0))
    return x / scale, y
