"""The five scripted bots in plain Python; they decide from what is observed, 46 floats or the newest frame of 56."""

from __future__ import annotations

from math import atan, atan2, cos, inf, pi, sin, sqrt

from .dogfight_reference import NONE, Memory, World, clamp, sight, wrap

Action = tuple[float, float, float]


class Eyes:
    """An observation decoded: the 46 floats of `training`, or a frame of `competition`."""

    def __init__(self, seen: list[float], physics: dict[str, float]) -> None:
        self.physics = physics
        self.frame = seen if len(seen) == 56 else None
        self.competition = self.frame is not None
        obs = sight(seen) if self.competition else seen
        self.v, self.yaw, self.alt, self.cd = obs[0] * physics["max_speed"], atan2(obs[2], obs[1]), obs[5] * 600, obs[4]
        self.sin, self.cos = obs[2], obs[1]
        self.rx, self.ry = obs[6] * 1000, obs[7] * 1000
        self.opp_v, self.opp_yaw = obs[8] * physics["max_speed"], atan2(obs[10], obs[9])
        self.d = obs[12] * 1000
        self.bearing = atan2(self.ry, self.rx)
        self.off = wrap(self.bearing - self.yaw)
        self.opp_off = wrap(atan2(-self.ry, -self.rx) - self.opp_yaw)
        if self.frame is not None:
            self.off, self.opp_off = self.frame[51] * pi, self.frame[52] * pi
        self.behind, self.chased = abs(self.opp_off) > 2.0, abs(self.off) > 2.0
        self.bullet_d = inf
        for k in range(13, 45, 4):
            if obs[k + 2] < 0.5 and (obs[k], obs[k + 1]) != (0, 0):
                self.bullet_d = min(self.bullet_d, 1000 * sqrt(obs[k] ** 2 + obs[k + 1] ** 2))
        self.opp_alt = self.alt + self.ry

    @property
    def closing(self) -> float:
        if self.frame is not None:
            return self.frame[15] * self.physics["max_speed"]
        if self.d <= 1:
            return 0.0
        wx = self.v * cos(self.yaw) - self.opp_v * cos(self.opp_yaw)
        wy = self.v * sin(self.yaw) - self.opp_v * sin(self.opp_yaw)
        return (wx * self.rx + wy * self.ry) / self.d

    @property
    def energy_adv(self) -> float:
        if self.frame is not None:
            mine, other = self.frame[7] * 218_500, self.frame[17] * 218_500
            return 2.0 if other <= 1 else mine / other
        g = self.physics["gravity"]
        other = self.opp_v**2 + 2 * g * self.opp_alt
        return 2.0 if other <= 1 else (self.v**2 + 2 * g * self.alt) / other

    def can_shoot(self, angle: float, reach: float) -> float:
        rear = abs(self.off) <= 0.5 and cos(self.yaw - self.opp_yaw) > cos(self.physics["rear_aspect_cone"])
        return 1.0 if abs(self.off) < angle and self.d < reach and self.cd < 0.01 and not rear else 0.0

    def aim(self, lead: float) -> float:
        tt = self.d / self.physics["bullet_speed"]
        px = self.rx + cos(self.opp_yaw) * self.opp_v * tt * lead
        py = self.ry + sin(self.opp_yaw) * self.opp_v * tt * lead
        if self.behind:
            nx, ny = -sin(self.opp_yaw), cos(self.opp_yaw)
            shift = 60 if self.rx * nx + self.ry * ny > 0 else -60
            px, py = px + shift * nx, py + shift * ny
        return atan2(py, px)

    def toward(self, heading: float, gain: float) -> float:
        return clamp(gain * wrap(heading - self.yaw), -1, 1)

    def guard(self, stick: float, throttle: float, shoot: float) -> Action:
        if self.v < 45:
            u = clamp((45 - self.v) / 15, 0, 1)
            stick = clamp(stick, -(1 - 0.7 * u), 1 - 0.7 * u)
            throttle = max(throttle, 0.8 * u)
        return stick, throttle, shoot

    def thr3(self, stick: float) -> float:
        if self.v < 80:
            return 1.0
        if abs(stick) > 0.7:
            return 0.5
        return 1.0 if self.d > 250 else 0.7

    def altitude_override(self) -> Action | None:
        up = 1.0 if self.cos > 0 else -1.0
        if self.competition:
            low = (self.alt < 50 and self.sin < 0.5) or (self.alt < 100 and self.sin < 0)
            low = low or (self.alt < 150 and self.sin < -0.3)
        else:
            low = self.alt < 70 and self.sin < -0.3
        if low:
            return up, 1.0, 0.0
        if self.alt > 570 and self.sin > 0.3:
            return -up, 1.0, 0.0
        return None


def evade_trigger(m: Memory, e: Eyes, reach: float, calls: int) -> None:
    if e.bullet_d < reach and m.evade_calls == 0:
        m.evade_calls = calls
        m.evade_direction = -m.evade_direction


def chaser(e: Eyes, m: Memory) -> Action:
    evade_trigger(m, e, 80, 15)
    if m.evade_calls > 0:
        return float(m.evade_direction), 0.8, e.can_shoot(0.30, 320)
    if m.yoyo_calls == 0:
        if e.d < 120 and e.closing > 50 and e.alt < 500:
            m.yoyo_calls, m.yoyo_phase = 40, 1
        elif e.d > 300 and e.closing < -20 and e.alt > 150:
            m.yoyo_calls, m.yoyo_phase = 30, -1
    error = wrap(e.aim(1) - e.yaw)
    if m.yoyo_calls > 0:
        error += 0.4 * m.yoyo_phase
    if e.alt < 120 and e.sin < 0.1:
        error += 0.25
    elif e.alt > 520 and e.sin > -0.1:
        error -= 0.25
    stick = clamp(2.5 * error, -1, 1)
    throttle = 0.7 if e.v > 120 and abs(stick) > 0.7 else 1.0
    return e.guard(stick, throttle, e.can_shoot(0.22, 320))


def ace(e: Eyes, m: Memory) -> Action:
    evade_trigger(m, e, 130, 18)
    if m.evade_calls > 0:
        direction = m.evade_direction
        if e.competition:
            if e.alt < 120 and direction * e.cos < 0 and e.sin < 0.1:
                direction = 1 if e.cos > 0 else -1
            if e.alt > 540 and direction * e.cos > 0 and e.sin > 0:
                direction = -1 if e.cos > 0 else 1
        else:
            if e.alt < 90 and direction < 0 and e.sin < 0:
                direction = 1
            if e.alt > 540 and direction > 0 and e.sin > 0:
                direction = -1
        return e.guard(float(direction), 0.7, e.can_shoot(0.30, 380))
    if e.chased and e.d < 250:
        side = 1 if e.off > 0 else -1
        stick = e.toward(e.bearing + side * pi / 2 + 0.15, 3.5)
        return e.guard(stick, 0.3 if e.v > 100 else 0.5, e.can_shoot(0.35, 350))
    error = wrap(e.aim(1) - e.yaw)
    if e.alt < 250:
        if e.sin < 0.2:
            error += 0.35 * min((250 - e.alt) / 100, 1)
    elif e.alt > 480 and e.sin > -0.2:
        error -= 0.3 * min((e.alt - 480) / 80, 1)
    if e.v < 90 and e.alt > 300 and e.sin > -0.1:
        error -= 0.08
    stick = clamp(3 * error, -1, 1)
    return e.guard(stick, e.thr3(stick), e.can_shoot(0.20, 380))


ATTACK, DEFEND, ENERGY, DISENGAGE = range(4)
HOLD = {ATTACK: 30, DEFEND: 45, ENERGY: 60, DISENGAGE: 90}


def next_mode_competition(e: Eyes, m: Memory) -> int:
    if m.mode == ATTACK:
        if e.chased and e.d < 200:
            return DEFEND
        if e.energy_adv < 0.5 and e.alt > 100:
            return ENERGY
    if m.mode == DEFEND:
        if not e.chased or e.d > 300:
            return ATTACK
        if e.energy_adv < 0.4:
            return ENERGY
    if m.mode == ENERGY:
        if e.energy_adv > 0.7 or e.d < 200:
            return ATTACK
        if e.chased and e.d < 150:
            return DEFEND
    return ATTACK if m.mode == DISENGAGE else m.mode


def next_mode(e: Eyes, m: Memory) -> int:
    if e.competition:
        return next_mode_competition(e, m)
    if m.mode == ATTACK:
        if e.chased and e.d < 200:
            return DEFEND
        if e.energy_adv < 0.7 and e.alt > 100:
            return ENERGY
        if m.patience_calls > 360 and e.d < 250:
            return DISENGAGE
    if m.mode == DEFEND:
        if not e.chased or e.d > 300:
            return ATTACK
        if e.energy_adv < 0.6:
            return ENERGY
    if m.mode == ENERGY:
        if e.energy_adv > 0.9:
            return ATTACK
        if e.chased and e.d < 150:
            return DEFEND
    if m.mode == DISENGAGE:
        if e.d > 350 or e.behind:
            return ATTACK
        if e.chased and e.d < 150:
            return DEFEND
    return m.mode


def attack(e: Eyes) -> Action:
    error = wrap(e.aim(1) - e.yaw)
    if e.alt > 550 and e.sin > 0:
        error -= 0.3 * min((e.alt - 550) / 50, 1)
    elif e.alt > 450 and e.sin > 0.3:
        error -= 0.1
    low = 130 if e.competition else 100
    if e.alt < low and e.sin < 0.1:
        error += 0.4 * min((low - e.alt) / 60, 1)
    elif e.alt < 180 and e.sin < -0.2:
        error += 0.15
    if e.v < 100 and e.alt > 250 and e.sin > -0.2:
        error -= 0.08
    stick = clamp(3 * error, -1, 1)
    return e.guard(stick, e.thr3(stick), e.can_shoot(0.22, 350))


def dogfighter(e: Eyes, m: Memory) -> Action:
    evade_trigger(m, e, 90, 18)
    if m.evade_calls > 0:
        direction = m.evade_direction
        if e.competition:
            if e.alt < 80 and direction * e.cos < 0 and e.sin < 0.1:
                direction = 1 if e.cos > 0 else -1
        elif e.alt < 80 and direction < 0 and e.sin < 0:
            direction = 1
        return e.guard(float(direction), 0.8, e.can_shoot(0.30, 350))
    if m.mode_calls == 0:
        mode = next_mode(e, m)
        if mode != m.mode:
            m.mode, m.mode_calls = mode, HOLD[mode]
            if e.competition and mode == ENERGY:
                m.mode_calls = 30
    m.patience_calls = m.patience_calls + 1 if m.mode == ATTACK else 0
    if m.mode == ATTACK:
        return attack(e)
    if m.mode == DEFEND:
        side = 1 if e.off > 0 else -1
        stick = e.toward(e.bearing + side * pi / 2, 3.5)
        return e.guard(stick, 0.3 if e.v > 100 else 0.6, e.can_shoot(0.30, 250))
    if m.mode == ENERGY:
        heading = atan(0.5) if e.alt < 400 else (0.0 if e.cos > 0 else pi)
        return e.guard(e.toward(heading, 2), 1.0, e.can_shoot(0.25, 300))
    return e.guard(e.toward(atan2(-e.ry, -e.rx), 2.5), 1.0, 0.0)


CLOSE, BRAWL, BAIT, PUNISH, RETREAT = range(5)


def next_phase(e: Eyes, m: Memory) -> int:
    if e.competition:
        if e.alt < {CLOSE: 130, BRAWL: 120, BAIT: 140}.get(m.mode, 0):
            return RETREAT
        if m.mode == RETREAT:
            return CLOSE if e.alt > 220 and e.v > 80 else RETREAT
    if m.mode == CLOSE and e.d < 200:
        return BRAWL
    if m.mode == BRAWL:
        if e.d > 300:
            return CLOSE
        if e.chased and e.d < 180 and e.closing > 30:
            return BAIT
        if e.alt < 80 and e.v < 60 and not e.competition:
            return RETREAT
    if m.mode == BAIT:
        if e.behind or (abs(e.off) < 1 and e.d < 200):
            return PUNISH
        if e.d > 250:
            return CLOSE
        if not e.chased:
            return BRAWL
    if m.mode == PUNISH and m.punish_calls == 0:
        return BRAWL
    if m.mode == RETREAT and e.alt > 180 and e.v > 80:
        return CLOSE
    return m.mode


def brawler(e: Eyes, m: Memory) -> Action:
    evade_trigger(m, e, 100, 8)
    if m.mode_calls == 0:
        phase = next_phase(e, m)
        if phase != m.mode:
            m.mode, m.mode_calls = phase, 20
            if phase == PUNISH:
                m.punish_calls = 60
    if m.mode == CLOSE:
        stick = e.toward(e.aim(1), 3)
        if e.alt < 120 and e.sin < 0:
            stick = clamp(stick + 0.3, -1, 1)
        return e.guard(stick, 1.0, e.can_shoot(0.25, 300))
    if m.mode == BRAWL:
        stick = float(m.evade_direction) if m.evade_calls > 0 else e.toward(e.aim(0.7), 4)
        throttle = 0.0 if e.v > 120 else 0.6 if e.v < 70 else 0.2
        return e.guard(stick, throttle, e.can_shoot(0.30, 250))
    if m.mode == BAIT:
        return e.guard(e.toward(e.bearing + m.evade_direction * pi / 2, 2), 0.0, e.can_shoot(0.35, 200))
    if m.mode == PUNISH:
        return e.guard(e.toward(e.aim(0.8), 4), 0.5, e.can_shoot(0.35, 300))
    return e.guard(e.toward(0.5 if e.cos > 0 else pi - 0.5, 2), 1.0, 0.0)


BOTS = {"chaser": chaser, "dogfighter": dogfighter, "ace": ace, "brawler": brawler}


def call(name: str, world: World, seat: int, memory: Memory) -> Action:
    """One call of a bot; changes its memory."""
    if name == "do_nothing":
        return NONE
    eyes = Eyes(world.frame(seat) if world.competition else world.observe(seat), world.physics)
    saving = eyes.altitude_override()
    if saving is not None:
        return saving
    memory.evade_calls = max(memory.evade_calls - 1, 0)
    memory.mode_calls = max(memory.mode_calls - 1, 0)
    memory.punish_calls = max(memory.punish_calls - 1, 0)
    memory.yoyo_calls = max(memory.yoyo_calls - 1, 0)
    return BOTS[name](eyes, memory)
