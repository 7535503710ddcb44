"""The batch of matches: the Python side of the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import warp as wp

from ..arrays import Mirror
from ..game import AutoresetMode, BoolArray, FloatArray, GameSpec, IntArray, StepInfo
from ..registry import expect
from . import SPEC
from .constants import BOTS, ENDINGS, EXTERNAL, ROLE_BOTS, ROLES, SEATS, STARTS
from .kernels import launch
from .options import Options, varied
from .packing import rules_of
from .state import MatchState

ACTION_SIZE = SPEC.action.size


class Pursuit:
    """B matches of a pursuer (seat 0) and an evader (seat 1), stepped together by one kernel launch per decision.

    Every array that `reset`, `step` and `restore` return is a view of memory the next of these calls overwrites:
    copy what must last. Actions are copied in; components that are not finite count as 0, and all are clipped to what
    the robot can do. A capture terminates a match, the end of the time truncates it (or terminates it, by the
    parameter `timeout`). Not thread-safe; several games may run side by side.
    """

    spec: GameSpec = SPEC
    num_seats: int = SEATS
    act_size: int = ACTION_SIZE
    endings: tuple[str, ...] = ENDINGS

    def __init__(self, rules: str, batch: int, seed: int, device: str, options: Options) -> None:
        """Allocate; nothing moves before `reset` or `restore`. Raises ValueError for a bad seed or device."""
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be in 0 … 2**64 − 1, not {seed}")
        self.rules, self.batch, self.seed, self.options = rules, batch, seed, options
        self.device = _device(device)
        self.autoreset: AutoresetMode = options.autoreset
        self.obs_size = options.layout.size
        self._state = MatchState(batch, self.device, options)
        self._rules = rules_of(seed, options)
        self._allocate()
        self._record()
        self._started = False

    def _allocate(self) -> None:
        batch, device = self.batch, self.device
        observations = (batch, SEATS, self.obs_size)
        self._actions = Mirror((batch, SEATS, ACTION_SIZE), wp.float64, device)
        self._observation = Mirror(observations, wp.float32, device)
        self._final = self._observation
        if self.autoreset == "same_step":
            self._final = Mirror(observations, wp.float32, device)
        self._reward = Mirror((batch, SEATS), wp.float32, device)
        self._terminated, self._truncated, self._done = (Mirror((batch,), wp.bool, device) for _ in range(3))
        self._outcome, self._ending, self._decisions, self._slots = (
            Mirror((batch,), wp.int32, device) for _ in range(4)
        )
        self._seeds = Mirror((batch,), wp.uint64, device)

    def _record(self) -> None:
        """Pack the arguments of the launches once."""
        match, robot, bot, obstacles, seen_at, history = self._state.arguments
        everything = [match, robot, bot, obstacles, seen_at, history, self._rules]
        ends = (self._terminated, self._truncated, self._done)
        numbers = (self._reward, *ends, self._outcome, self._ending, self._decisions)
        self._results = (self._observation, self._final, *numbers)
        seen, results = self._observation.device, [result.device for result in numbers]
        self._step = self._command(
            launch.step_kernel, [*everything, self._actions.device, seen, self._final.device, *results]
        )
        self._observe = self._command(launch.observe_kernel, [match, robot, obstacles, history, self._rules, seen])
        self._begin = [self._begins(self._rules)]
        self._start_of = {_start(self.options): 0}
        self._starts = np.zeros(self.batch, np.int32)

    def _begins(self, rules: Any) -> tuple[Any, Any]:
        """The launches that start episodes under these rules: with seeds of the game's own, with given ones."""
        slots = [self._slots.device, self._seeds.device]
        seen, state = self._observation.device, self._state.arguments
        return (
            self._command(launch.begin_kernel, [*state, rules, *slots, False, seen]),
            self._command(launch.begin_kernel, [*state, rules, *slots, True, seen]),
        )

    def _command(self, kernel: Any, inputs: list[Any]) -> Any:
        return wp.launch(kernel, dim=self.batch, inputs=inputs, device=self.device, record_cmd=True)

    def reset(self, matches: IntArray | None = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        """Start new episodes in the given slots (all when None; each at most once) with the given seeds.

        An episode's start is a pure function of its seed. Without seeds, they come from a stream that depends on the
        game's seed, the slot and the number of the episode in this slot. Bots stay seated.
        Returns the observations [B, 2, obs] of all slots. Raises ValueError for slots or seeds that do not fit.
        """
        slots = self._chosen(matches)
        given = None if seeds is None else _seeds(seeds, len(slots))
        for number in np.unique(self._starts[slots]):
            chosen = self._starts[slots] == number
            self._restart(int(number), slots[chosen], None if given is None else given[chosen])
        self._started = True
        self._observation.pull()
        return self._observation.host

    def _restart(self, number: int, slots: IntArray, seeds: npt.NDArray[np.uint64] | None) -> None:
        """Begin episodes in slots that start alike."""
        n = len(slots)
        wp.synchronize_device(self.device)  # the last launch may still read the slots of another start
        self._slots.host[:n] = slots
        if seeds is not None:
            self._seeds.host[:n] = seeds
            self._seeds.push()
        self._slots.push()
        command = self._begin[number][seeds is not None]
        command.set_dim(n)
        command.launch()

    def vary(self, parameters: Mapping[str, Any], matches: IntArray | None = None) -> None:
        """Other starts (`physics` out of STARTS) for the given slots, all when None, from their next episode on.

        Without `physics` they start as the game was made to. Raises ValueError for other parameters, bad values, slots
        that do not fit, and where episodes restart by themselves; then nothing changes.
        """
        if not isinstance(parameters, Mapping):
            raise ValueError(f"vary takes a mapping of parameters, not {parameters!r}")
        options = varied(self.options, parameters)
        start = _start(options)
        if self.autoreset == "same_step" and self._start_of.get(start) != 0:
            raise ValueError("matches that restart by themselves start alike: vary needs autoreset='disabled'")
        slots = self._chosen(matches)
        if start not in self._start_of:
            self._start_of[start] = len(self._begin)
            self._begin.append(self._begins(rules_of(self.seed, options)))
        self._starts[slots] = self._start_of[start]

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, StepInfo]:
        """One decision of everybody: actions [B, 2, 2] = speed, turn, held for `steps_per_decision` steps.

        Actions may be float64, as the state is. Returns observation [B, 2, obs], reward [B, 2], terminated [B],
        truncated [B] and info, all overwritten by the next call. Raises ValueError for another shape.
        """
        if not self._started:
            raise RuntimeError("step before reset: call reset() or restore(state) first")
        if np.shape(actions) != self._actions.host.shape:
            raise ValueError(f"actions must have shape {self._actions.host.shape}, not {np.shape(actions)}")
        self._actions.host[...] = actions
        self._actions.push()
        self._step.launch()
        for result in () if self._done.shared else self._results:
            result.pull()
        info = StepInfo(
            done=self._done.host,
            outcome=self._outcome.host,
            ending=self._ending.host,
            decisions=self._decisions.host,
            final_observation=self._final.host,
        )
        return self._observation.host, self._reward.host, self._terminated.host, self._truncated.host, info

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: IntArray | None = None) -> None:
        """Put a scripted bot (None: an external player) into `seat`, one for all or one per given match.

        Works at any time. In navigation the rules drive seat 0, whoever sits there. Raises ValueError for a bot that
        does not play the seat's role, naming the choices, and for a seat, slots or a number of bots that do not fit.
        """
        if seat not in range(SEATS):
            raise ValueError(f"seat must be 0 or 1, not {seat!r}")
        slots: Any = slice(None) if matches is None else self._chosen(matches)
        if bots is None or isinstance(bots, str):
            numbers: int | list[int] = _bot_number(bots, seat)
        else:
            numbers = [_bot_number(name, seat) for name in bots]
            expected = self.batch if matches is None else len(slots)
            if len(numbers) != expected:
                raise ValueError(f"{len(numbers)} bots for {expected} matches")
        self._state.seat(seat, slots, numbers)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The full state as named arrays, copied; `restore(snapshot())` changes nothing."""
        return self._state.snapshot()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        """Take a state as given by `snapshot`; arrays left out keep their values. Returns the observations [B, 2, obs].

        Raises ValueError for an unknown name, a wrong shape or an impossible value, and then changes nothing.
        """
        self._state.restore(state)
        self._started = True
        self._observe.launch()
        self._observation.pull()
        return self._observation.host

    def _chosen(self, matches: IntArray | None) -> IntArray:
        if matches is None:
            return np.arange(self.batch, dtype=np.int32)
        slots = np.asarray(matches)
        whole = slots.ndim == 1 and (slots.dtype.kind in "iu" or not slots.size)
        if not whole or (slots.size and (slots.min() < 0 or slots.max() >= self.batch)):
            raise ValueError(f"matches must be a list of slots in 0 … {self.batch - 1}, not {matches!r}")
        if len(slots) > self.batch:
            raise ValueError(f"{len(slots)} matches given, but there are only {self.batch}")
        return slots.astype(np.int32, copy=False)


def _start(options: Options) -> tuple[float, ...]:
    """What tells one start from another."""
    return tuple(options.physics[name] for name in STARTS)


def _device(name: str) -> str:
    try:
        return str(wp.get_device(name).alias)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"unknown or missing device {name!r}: {error}") from None


def _seeds(seeds: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    array = np.asarray(seeds)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise ValueError(f"seeds must be {count} integers, not {array.dtype} of shape {array.shape}")
    return array.astype(np.uint64, copy=False)


def _bot_number(name: str | None, seat: int) -> int:
    if name is None:
        return EXTERNAL
    role = ROLES[seat]
    return 1 + BOTS.index(expect(f"bot of pursuit for the {role}", name, ROLE_BOTS[role]))
