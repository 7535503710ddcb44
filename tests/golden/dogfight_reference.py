"""The rules of the dogfight, both rule sets, in plain scalar Python, float64: the yardstick for the kernels.

Written from the text of the rules, not from the kernels, and kept simple rather than fast. One `World` is one match.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from math import atan2, cos, pi, sin, sqrt

DT = 1.0 / 120.0
MATCH_TICKS = 10_800
NONE = (0.0, 0.0, 0.0)

PHYSICS = {
    "gravity": 80.0,
    "drag_coeff": 0.9,
    "turn_bleed_coeff": 0.25,
    "max_speed": 250.0,
    "min_speed": 20.0,
    "max_thrust": 180.0,
    "bullet_speed": 400.0,
    "gun_cooldown_ticks": 90,
    "bullet_lifetime_ticks": 60,
    "max_hp": 5,
    "max_turn_rate": 4.0,
    "min_turn_rate": 0.8,
    "rear_aspect_cone": 0.785,
}
WEIGHTS = {
    "damage_dealt": 3.0,
    "damage_taken": -1.0,
    "win": 5.0,
    "lose": -5.0,
    "approach": 1e-4,
    "alive": 0.0,
    "proximity": 1e-3,
    "facing": 5e-4,
    "opening": 0.0,
}


def wrap(angle: float) -> float:
    while angle > pi:
        angle -= 2 * pi
    while angle < -pi:
        angle += 2 * pi
    return angle


def clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


@dataclass
class Fighter:
    x: float
    y: float
    yaw: float
    speed: float
    hp: int
    cooldown: int = 0
    alive: bool = True
    stall_ticks: int = 0


@dataclass
class Bullet:
    x: float
    y: float
    vx: float
    vy: float
    owner: int
    ticks: int


@dataclass
class Memory:
    """What a scripted bot remembers from call to call (each bot uses its part)."""

    evade_direction: int = 1
    evade_calls: int = 0
    mode: int = 0
    mode_calls: int = 0
    patience_calls: int = 0
    punish_calls: int = 0
    yoyo_calls: int = 0
    yoyo_phase: int = 0


@dataclass
class World:
    """One match. `previous`: (x, y, yaw) of both fighters before the last tick; only `competition` needs it."""

    fighters: list[Fighter]
    bullets: list[Bullet] = field(default_factory=list)
    tick: int = 0
    physics: dict[str, float] = field(default_factory=lambda: dict(PHYSICS))
    competition: bool = False
    previous: list[tuple[float, float, float]] = field(default_factory=list)

    def short(self, dx: float) -> float:
        """A horizontal distance the short way; in `competition` the sides of the arena are joined."""
        if self.competition and dx > 500:
            return dx - 1000
        if self.competition and dx < -500:
            return dx + 1000
        return dx

    # ---------------------------------------------------------------- physics

    def play_tick(self, actions: list[tuple[float, float, float]]) -> None:
        self.previous = [(f.x, f.y, f.yaw) for f in self.fighters]
        for seat, fighter in enumerate(self.fighters):
            if fighter.alive:
                self._fly(seat, fighter, *actions[seat])
        for bullet in self.bullets:
            bullet.x = self.short(bullet.x + bullet.vx * DT)
            bullet.y += bullet.vy * DT
            bullet.ticks -= 1
        for bullet in self.bullets:
            self._hit(bullet)
        self.bullets = [bullet for bullet in self.bullets if bullet.ticks > 0]
        self.tick += 1

    def _fly(self, seat: int, f: Fighter, stick: float, throttle: float, shoot: float) -> None:
        p = self.physics
        lost = p["max_hp"] - f.hp
        top_speed = p["max_speed"] * (1 - 0.03 * lost)
        if f.stall_ticks > 0:
            f.stall_ticks -= 1
            f.yaw = wrap(f.yaw + clamp(wrap(-pi / 2 - f.yaw), -2.5 * DT, 2.5 * DT))
            f.speed -= p["gravity"] * sin(f.yaw) * DT
            f.speed -= p["drag_coeff"] * f.speed * DT
            f.speed = clamp(f.speed, p["min_speed"], top_speed)
            if f.speed > 40:
                f.stall_ticks = 0
            self._move(f)
            if not f.alive:
                return
            f.cooldown = max(f.cooldown - 1, 0)
            return
        if f.speed < 30:
            f.stall_ticks = 36
            return
        t = clamp((f.speed - p["min_speed"]) / (p["max_speed"] - p["min_speed"]), 0, 1)
        rate = (p["max_turn_rate"] + t * (p["min_turn_rate"] - p["max_turn_rate"])) * (1 - 0.02 * lost)
        turn = clamp(stick, -1, 1) * rate * DT
        f.yaw = wrap(f.yaw + turn)
        f.speed -= p["turn_bleed_coeff"] * abs(turn) * f.speed
        f.speed += (clamp(throttle, 0, 1) * p["max_thrust"] - p["drag_coeff"] * f.speed) * DT
        f.speed += -p["gravity"] * sin(f.yaw) * DT
        f.speed = clamp(f.speed, p["min_speed"], top_speed)
        self._move(f)
        if not f.alive:
            return
        f.cooldown = max(f.cooldown - 1, 0)
        if shoot > 0 and f.cooldown == 0:
            nx, ny, v = cos(f.yaw), sin(f.yaw), p["bullet_speed"]
            life = int(p["bullet_lifetime_ticks"])
            self.bullets.append(Bullet(self.short(f.x + 12 * nx), f.y + 12 * ny, nx * v, ny * v, seat, life))
            f.cooldown = int(p["gun_cooldown_ticks"])

    def _move(self, f: Fighter) -> None:
        f.x += cos(f.yaw) * f.speed * DT
        f.y += sin(f.yaw) * f.speed * DT
        if self.competition:
            f.x = self.short(f.x)
            if f.y <= 5:
                f.alive = False
            if f.y > 550:
                p = clamp((f.y - 550) / 50, 0, 1)
                f.speed = max(f.speed - p * p * 80 * DT, 20)
            f.y = min(f.y, 600)
            return
        if abs(f.x) > 450:
            p = clamp((abs(f.x) - 450) / 50, 0, 1)
            f.x -= math.copysign(1, f.x) * p * p * 300 * DT
            f.x = clamp(f.x, -500, 500)
        if f.y < 50:
            p = clamp((50 - f.y) / 50, 0, 1)
            f.y = max(f.y + p * p * 300 * DT, 0)
        if f.y > 550:
            p = clamp((f.y - 550) / 50, 0, 1)
            f.y = min(f.y - p * p * 300 * DT, 600)

    def _hit(self, bullet: Bullet) -> None:
        target = self.fighters[1 - bullet.owner]
        if bullet.ticks <= 0 or not target.alive:
            return
        if self.short(target.x - bullet.x) ** 2 + (target.y - bullet.y) ** 2 > 121:
            return
        bullet.ticks = 0
        speed = sqrt(bullet.vx**2 + bullet.vy**2)
        along = (bullet.vx * cos(target.yaw) + bullet.vy * sin(target.yaw)) / speed
        if along > cos(self.physics["rear_aspect_cone"]):
            return
        target.hp = max(target.hp - 1, 0)
        target.alive = target.hp > 0

    # ---------------------------------------------------------------- end, reward

    def verdict(self) -> tuple[int, int]:
        """(outcome: 0 running, 1 seat 0 won, 2 draw, 3 seat 1 won; ending: 0 running, 1 elimination, 2 timeout)."""
        a, b = self.fighters
        if not (a.alive and b.alive):
            return (2 if a.alive == b.alive else 1 if a.alive else 3), 1
        if self.tick >= MATCH_TICKS:
            return (2 if a.hp == b.hp else 1 if a.hp > b.hp else 3), 2
        return 0, 0

    def distance(self) -> float:
        a, b = self.fighters
        return sqrt(self.short(a.x - b.x) ** 2 + (a.y - b.y) ** 2)

    def reward(self, seat: int, before: float, lost: list[int], weights: dict[str, float]) -> float:
        """Reward terms now; `before`: earlier distance, `lost`: hp each seat lost since."""
        me, other = self.fighters[seat], self.fighters[1 - seat]
        d = self.distance()
        total = weights["damage_dealt"] * lost[1 - seat] + weights["damage_taken"] * lost[seat]
        winner = {1: 0, 3: 1}.get(self.verdict()[0])
        if winner is not None:
            total += weights["win"] if winner == seat else weights["lose"]
        total += weights["approach"] * (before - d)
        if me.alive:
            total += weights["alive"]
            if d < 250:
                total += weights["proximity"]
            if 1 < d < 300:
                ahead = (cos(me.yaw) * self.short(other.x - me.x) + sin(me.yaw) * (other.y - me.y)) / d
                if ahead > 0.866:
                    total += weights["facing"]
                    if cos(me.yaw - other.yaw) <= cos(self.physics["rear_aspect_cone"]):
                        total += weights["opening"]
        return total

    # ---------------------------------------------------------------- observation

    def observe(self, seat: int) -> list[float]:
        """The 46 floats of `training`."""
        p, me, other = self.physics, self.fighters[seat], self.fighters[1 - seat]
        near = sorted(self.bullets, key=lambda b: sqrt(self.short(b.x - me.x) ** 2 + (b.y - me.y) ** 2))[:8]
        slots: list[float] = []
        for b in near:
            dx, dy = self.short(b.x - me.x), b.y - me.y
            slots += [dx / 1000, dy / 1000, 1.0 if b.owner == seat else 0.0, atan2(dy, dx) / pi]
        slots += [0.0] * (32 - len(slots))
        return [
            me.speed / p["max_speed"],
            cos(me.yaw),
            sin(me.yaw),
            me.hp / p["max_hp"],
            me.cooldown / p["gun_cooldown_ticks"],
            me.y / 600,
            self.short(other.x - me.x) / 1000,
            (other.y - me.y) / 1000,
            other.speed / p["max_speed"],
            cos(other.yaw),
            sin(other.yaw),
            other.hp / p["max_hp"],
            self.distance() / 1000,
            *slots,
            (MATCH_TICKS - self.tick) / MATCH_TICKS,
        ]

    def frame(self, seat: int) -> list[float]:
        """One frame of 56 floats of `competition`."""
        p, me, other = self.physics, self.fighters[seat], self.fighters[1 - seat]
        rx, ry = self.short(other.x - me.x), other.y - me.y
        closure = turned = 0.0
        if self.tick > 0:
            (x, y, _), (other_x, other_y, other_yaw) = self.previous[seat], self.previous[1 - seat]
            before = sqrt(self.short(other_x - x) ** 2 + (other_y - y) ** 2)
            closure = clamp((before - self.distance()) / DT / p["max_speed"], -1, 1)
            turned = clamp(wrap(other.yaw - other_yaw) / DT / 4.0, -1, 1)
        energies = [(f.speed**2 + 2 * p["gravity"] * f.y) / 218_500 for f in (me, other)]
        other_off = wrap(atan2(-ry, -rx) - other.yaw) / pi
        seen = self.observe(seat)
        return [
            *seen[:6],
            me.x / 500,
            energies[0],
            *seen[6:13],
            closure,
            turned,
            energies[1],
            other_off,
            *seen[13:45],
            wrap(atan2(ry, rx) - me.yaw) / pi,
            other_off,
            (me.speed * cos(me.yaw) - other.speed * cos(other.yaw)) / p["max_speed"],
            (me.speed * sin(me.yaw) - other.speed * sin(other.yaw)) / p["max_speed"],
            seen[45],
        ]


def sight(frame: list[float]) -> list[float]:
    """The 46 floats inside a frame."""
    return [*frame[:6], *frame[8:15], *frame[19:51], frame[55]]


def egocentric(obs: list[float], top: float = 250, bullet_speed: float = 400) -> list[float]:
    """The 20 features that the egocentric layout appends, a function of the 46 floats and, where shown, the physics."""
    v, c, s, v2, c2, s2 = top * obs[0], obs[1], obs[2], top * obs[8], obs[9], obs[10]
    rx, ry, d = 1000 * obs[6], 1000 * obs[7], 1000 * obs[12]
    ux, uy = rx / max(d, 1), ry / max(d, 1)
    wx, wy = v * c - v2 * c2, v * s - v2 * s2
    lx, ly = rx + c2 * v2 * d / bullet_speed, ry + s2 * v2 * d / bullet_speed
    lead = max(sqrt(lx * lx + ly * ly), 1)
    bullet = [0.0, 0.0, 0.0]
    for k in range(13, 45, 4):
        bx, by = 1000 * obs[k], 1000 * obs[k + 1]
        if obs[k + 2] < 0.5 and (bx, by) != (0, 0):
            bullet = [(c * bx + s * by) / 100, (c * by - s * bx) / 100, math.exp(-sqrt(bx * bx + by * by) / 80)]
            break
    return [
        c * ux + s * uy,
        c * uy - s * ux,
        -(c2 * ux + s2 * uy),
        -(c2 * uy - s2 * ux),
        clamp((c * rx + s * ry) / 200, -2, 2),
        clamp((c * ry - s * rx) / 200, -2, 2),
        (wx * ux + wy * uy) / 200,
        (wy * ux - wx * uy) / 200,
        (c * lx + s * ly) / lead,
        (c * ly - s * lx) / lead,
        math.exp(-d / 100),
        min(d / 300, 2),
        c * c2 + s * s2,
        c * s2 - s * c2,
        v / 100 - 1,
        v2 / 100 - 1,
        3 * obs[5] - 1.5,
        *bullet,
    ]
