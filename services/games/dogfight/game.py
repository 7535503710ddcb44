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
from .constants import BOTS, ENDINGS, EXTERNAL, FRAMES, OBSERVATIONS, ORIGINAL_FLOATS
from .kernels import launch
from .kernels.frame import Frame
from .options import Options, varied
from .packing import outlet_of, rules_of
from .snapshot import SEATS
from .state import MatchState

ACTION_SIZE = SPEC.action.size


class Dogfight:
    """B matches of two aircraft, stepped together by one kernel launch per decision.

    Every array that `reset`, `step` and `restore` return is a view of memory the next of these calls overwrites:
    copy what must last. Actions are copied in; components that are not finite count as 0, yaw is clamped to
    [−1, 1] and throttle to [0, 1], and the gun fires where shoot > 0. Timeouts end an episode like eliminations do
    (terminated, never truncated). Not thread-safe; several games may run side by side.
    """

    spec: GameSpec = SPEC
    num_seats: int = SEATS
    act_size: int = ACTION_SIZE
    endings: tuple[str, ...] = ENDINGS

    def __init__(self, rules: str, batch: int, seed: int, device: str, options: Options) -> None:
        """Allocate; nothing moves before `reset` or `restore`. Raises ValueError for a bad device."""
        self.rules, self.batch, self.seed, self.options = rules, batch, seed, options
        self.device = _device(device)
        self.autoreset: AutoresetMode = options.autoreset
        self.obs_size = OBSERVATIONS[rules][options.observation]
        self._state = MatchState(batch, self.device, options)
        self._rules = rules_of(seed, options)
        self._allocate()
        self._record()
        self._started = False

    def _allocate(self) -> None:
        batch, device = self.batch, self.device
        observations = (batch, SEATS, self.obs_size)
        self._actions = Mirror((batch, SEATS, ACTION_SIZE), wp.float32, device)
        self._observation = Mirror(observations, wp.float32, device)
        self._final = self._observation
        if self.autoreset == "same_step":
            self._final = Mirror(observations, wp.float32, device)
        self._reward = Mirror((batch, SEATS), wp.float32, device)
        self._done = Mirror((batch,), wp.bool, device)
        self._outcome, self._ending, self._decisions, self._slots = (
            Mirror((batch,), wp.int32, device) for _ in range(4)
        )
        self._seeds = Mirror((batch,), wp.uint64, device)
        self._truncated: BoolArray = np.zeros(batch, np.bool_)

    def _record(self) -> None:
        """Pack the arguments of the launches once; needed again when memory was replaced."""
        mirrors = self._state.mirrors()
        history = mirrors.pop("history").columns(0, Frame)
        match, fighter, bullet, seat, physics = (array.device for array in mirrors.values())
        everything = [match, fighter, bullet, seat, physics, history, self._state.draws.device, self._rules]
        numbers = (self._reward, self._done, self._outcome, self._ending, self._decisions)
        self._results = (self._observation, self._final, *numbers)
        seen, final = (outlet_of(mirror, self.options) for mirror in (self._observation, self._final))
        results = [result.device for result in numbers]
        self._step = self._command(launch.step_kernel, [*everything, self._actions.device, seen, final, *results])
        self._observe = self._command(
            launch.observe_kernel, [match, fighter, bullet, physics, history, self._rules, seen]
        )
        begin = [*everything, self._slots.device, self._seeds.device]
        self._begin_seeded = self._command(launch.begin_kernel, [*begin, True, seen])
        self._begin_next = self._command(launch.begin_kernel, [*begin, False, seen])

    def _command(self, kernel: Any, inputs: list[Any]) -> Any:
        return wp.launch(kernel, dim=self.batch, inputs=inputs, device=self.device, record_cmd=True)

    def reset(self, matches: IntArray | None = None, seeds: npt.NDArray[np.uint64] | None = None) -> FloatArray:
        """Start new episodes in the given slots (all when None; each at most once) with the given seeds.

        An episode's start is a pure function of its seed. Without seeds, they come from a stream that depends on the
        game's seed, the slot and the number of the episode in this slot. Bots stay seated and forget.
        Returns the observations [B, 2, obs] of all slots. Raises ValueError for slots or seeds that do not fit.
        """
        slots = self._chosen(matches)
        n = len(slots)
        self._slots.host[:n] = slots
        command = self._begin_next
        if seeds is not None:
            self._seeds.host[:n] = _seeds(seeds, n)
            self._seeds.push()
            command = self._begin_seeded
        self._slots.push()
        if n:
            command.set_dim(n)
            command.launch()
        self._started = True
        self._observation.pull()
        return self._observation.host

    def step(self, actions: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, StepInfo]:
        """One decision of everybody: actions [B, 2, 3] = yaw, throttle, shoot, held for `ticks_per_decision` ticks.

        Returns observation [B, 2, obs], reward [B, 2], terminated [B], truncated [B] (always False) and info, all
        overwritten by the next call. Raises ValueError for another shape.
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
        return self._observation.host, self._reward.host, self._done.host, self._truncated, info

    def seat_bots(self, seat: int, bots: Sequence[str | None] | str | None, matches: IntArray | None = None) -> None:
        """Put a scripted bot (None: an external player) into `seat`, one for all or one per given match.

        Works at any time; the bot starts with a fresh memory at its next decision. Raises ValueError for an unknown
        bot, naming the choices, and for a seat, slots or a number of bots that do not fit.
        """
        if type(seat) is not int or seat not in range(SEATS):
            raise ValueError(f"seat must be 0 or 1, not {seat!r}")
        slots: Any = slice(None) if matches is None else self._chosen(matches)
        if not isinstance(bots, str | Sequence | None):
            raise ValueError(f"bots must be a name, None or a sequence of them, not {bots!r}")
        if bots is None or isinstance(bots, str):
            numbers: int | list[int] = _bot_number(bots)
        else:
            numbers = [_bot_number(name) for name in bots]
            expected = self.batch if matches is None else len(slots)
            if len(numbers) != expected:
                raise ValueError(f"{len(numbers)} bots for {expected} matches")
        self._state.seat(seat, slots, numbers)

    def vary(self, parameters: Mapping[str, Any], matches: IntArray | None = None) -> None:
        """Other `physics` or `randomisation` for the given slots (all when None), from their next episode on.

        A parameter that is left out counts as given to `make`. Running episodes go on as they are. Raises ValueError
        for other parameters, bad values, and slots that do not fit, and then changes nothing.
        """
        if not isinstance(parameters, Mapping):
            raise ValueError(f"vary takes a mapping of parameters, not {parameters!r}")
        options = varied(self.options, parameters)
        slots: Any = slice(None) if matches is None else self._chosen(matches)
        if self._state.make_room(options):
            self._record()
        self._state.draw(slots, options, every=True)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """The full state as named arrays, copied; `restore(snapshot())` changes nothing."""
        return self._state.snapshot()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        """Take a state as given by `snapshot`; arrays left out keep their values. Returns the observations [B, 2, obs].

        Raises ValueError for an unknown name, a wrong shape or an impossible value, and then changes nothing.
        """
        if self._state.restore(state):
            self._record()
        self._started = True
        self._observe.launch()
        self._observation.pull()
        return self._observation.host

    def raw_observations(self) -> FloatArray:
        """What the layout "original" shows of the present state, [B, 2, 46] or [B, 2, 224], whatever layout is seen.

        Valid until the next call.
        """
        if self.options.observation == "original":
            return self._observation.host
        if not self.options.competition:
            return np.ascontiguousarray(self._observation.host[..., :ORIGINAL_FLOATS])
        history, match = self._state.history, self._state.match
        history.pull()
        match.pull()
        rows = np.arange(self.batch)[:, None]
        newest_first = (match.host["decisions"][:, None] - np.arange(FRAMES)) % FRAMES
        frames = history.host[rows, :, newest_first].swapaxes(1, 2)
        return np.ascontiguousarray(frames).reshape(self.batch, SEATS, -1)

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


def _device(name: str) -> str:
    try:
        return str(wp.get_device(str(name)).alias)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"unknown or missing device {name!r}: {error}") from None


def _seeds(seeds: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    array = np.asarray(seeds)
    if array.shape != (count,) or array.dtype.kind not in "iu" or (array.dtype.kind == "i" and (array < 0).any()):
        raise ValueError(f"seeds must be {count} integers from 0 on, not {array.dtype} of shape {array.shape}")
    return array.astype(np.uint64, copy=False)


def _bot_number(name: str | None) -> int:
    return EXTERNAL if name is None else 1 + BOTS.index(expect("bot of dogfight", name, BOTS))
