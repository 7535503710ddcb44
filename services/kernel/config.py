"""The configuration of a run: one tree, one file, every key checked.

A hand-written file is TOML; what a run really used is written beside it as JSON (`config.json` in the run's folder),
and each of the four services reads that same file. Later sources win: defaults < preset file < environment
(`LUDUS__LEARNER__CLIP=0.1`) < `--set learner.clip=0.1`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from .agents import AgentConfig
from .explain import explain
from .measuring import EvaluatorConfig
from .remedies import HealthConfig
from .schedule import (
    LeagueConfig,
)
from .section import NAME_PATTERN, Section
from .toolbox import (
    AdaptiveRateConfig,
    EwcConfig,
    KlPenaltyConfig,
    LargeNetworkConfig,
    RndConfig,
    TrackConfig,
    VtraceConfig,
)

ENV_PREFIX = "LUDUS__"
#: In the folder of a run that has a parent: the networks it begins with.
INITIAL_WEIGHTS = "weights/initial.safetensors"


#: In the folder of a run with several agents: a folder for each.
AGENTS_FOLDER = "agents"
#: Agents of one run begin with different weights.
AGENT_SEED_STRIDE = 1_000_003


class ConfigError(ValueError):
    """The configuration is wrong. The message names the key, what was expected and what was found."""


class SimulatorConfig(Section):
    workers: int = Field(1, ge=1, description="simulator processes")
    matches: int = Field(256, ge=1, description="matches played side by side in each worker")
    steps: int = Field(128, ge=1, description="decisions per match in one rollout window")
    slabs: int = Field(4, ge=1, description="messages one window is split into, by matches")
    threads: int = Field(1, ge=1, description="CPU threads of the policy networks")
    device: str = Field("cpu", description="'cpu' or 'cuda' (games and acting)")
    replay_every: int = Field(0, ge=0, description="keep every so many-th training match as a replay; 0: none")

    @model_validator(mode="after")
    def _divides(self) -> SimulatorConfig:
        if self.matches % self.slabs:
            raise ValueError(f"matches ({self.matches}) must be a multiple of slabs ({self.slabs})")
        return self


class NetworkConfig(Section):
    hidden: int = Field(256, ge=1, description="width of both hidden layers, in actor and critic")
    blocks: int = Field(0, ge=0, description="residual blocks; 0 is a plain two-layer network")
    critic_hidden: int | None = Field(None, ge=1, description="width of the critic's layers; left out: as the actor's")
    critic_blocks: int | None = Field(None, ge=0, description="residual blocks of the critic; left out: as the actor's")
    activation: Literal["relu", "tanh"] = "relu"
    log_std_init: float = -1.0
    log_std_min: float = -2.0
    log_std_max: float = 0.0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the hidden layers; auto is bf16 where the CPU or GPU has it, fp16 is for cuda alone"
    )
    fp32_updates: int = Field(
        0, ge=0, description="updates in fp32 before `precision` holds, at the start and after a load or stage change"
    )
    normalise_observations: bool = Field(False, description="to mean 0 and deviation 1, by running statistics")
    normalise_returns: bool = Field(False, description="the critic learns returns of mean 0 and deviation 1")


class LearnerConfig(Section):
    batch_decisions: int = Field(32_768, ge=1, description="decisions per update")
    epochs: int = Field(2, ge=1)
    minibatch: int = Field(4096, ge=1)
    gamma: float = Field(0.99, ge=0, le=1)
    gae_lambda: float = Field(0.95, ge=0, le=1)
    clip: float = Field(0.2, gt=0)
    value_clip: float = Field(0.0, ge=0, description="0 switches value clipping off")
    advantage_clip: float = Field(0.0, ge=0, description="of normalised advantages; 0 switches it off")
    value_coefficient: float = Field(0.5, ge=0)
    entropy_coefficient: float = Field(0.0, ge=0)
    learning_rate: float = Field(1.5e-3, gt=0)
    learning_rate_schedule: Literal["constant", "linear", "cosine"] = "linear"
    learning_rate_final_ratio: float = Field(0.1, ge=0, le=1, description="the decay ends at this share of the rate")
    learning_rate_warmup_updates: int = Field(5, ge=0, description="linear rise from 0 over the first updates")
    adam_epsilon: float = Field(1e-5, gt=0)
    max_gradient_norm: float = Field(0.5, gt=0)
    separate_gradient_norms: bool = Field(True, description="clip actor and critic apart instead of together")
    target_kl: float = Field(0.045, gt=0, description="an update stops before it adds more KL than this")
    log_ratio_clamp: float = Field(20.0, gt=0, description="of the loss; alarms see the unclamped value")
    log_std_reset: float | None = Field(
        None, description="log standard deviation after a load or stage change; left out: as it was"
    )
    critic_only_updates: int = Field(
        0, ge=0, description="updates after a load, stage change or rollback in which the critic alone moves"
    )
    reward_scale: float = Field(0.2, gt=0)
    correction: Literal["none", "vtrace"] = Field(
        "vtrace", description="of rollouts by older versions: vtrace weighs returns and losses by importance"
    )
    max_lag: int = Field(4, ge=0, description="rollouts of versions more steps behind are dropped and counted")
    buffer_slabs: int = Field(4, ge=1, description="depth of the ROLLOUTS stream; producers wait when it is full")
    threads: int = Field(1, ge=1, description="CPU threads of an update")
    ranks: int = Field(1, ge=1, description="processes that share the gradients, each with so many threads")
    engine: Literal["fused", "autograd"] = Field(
        "fused", description="of gradients; fused is by hand and by threads, for networks without residual blocks"
    )
    device: str = "cpu"
    checkpoint_seconds: float = Field(15.0, gt=0, description="at most this long between checkpoints")
    checkpoints_kept: int = Field(3, ge=1, description="newest ones, beside the pinned ones")
    agent: str = Field("main", pattern=NAME_PATTERN)
    kl_penalty: KlPenaltyConfig = KlPenaltyConfig()  # type: ignore[call-arg]
    adaptive_rate: AdaptiveRateConfig = AdaptiveRateConfig()  # type: ignore[call-arg]
    large_network: LargeNetworkConfig = LargeNetworkConfig()  # type: ignore[call-arg]
    vtrace: VtraceConfig = VtraceConfig()  # type: ignore[call-arg]
    ewc: EwcConfig = EwcConfig()  # type: ignore[call-arg]
    rnd: RndConfig = RndConfig()  # type: ignore[call-arg]
    track: TrackConfig = TrackConfig()  # type: ignore[call-arg]

    @model_validator(mode="after")
    def _every_rank_has_rows(self) -> LearnerConfig:
        if self.minibatch < self.ranks:
            raise ValueError(f"minibatch ({self.minibatch}) must be at least ranks ({self.ranks}): one row for each")
        return self


class BusConfig(Section):
    url: str = Field("", description="NATS to use; empty: the stack's own nats-server")
    credentials: str = Field(
        "", description="folder with SERVICE.nk and ca.pem, from `ludus nats config`; needed beyond this machine"
    )
    patience_seconds: float = Field(60.0, gt=0, description="how long a publish is retried while the server is away")
    replicas: Literal[1, 3, 5] = Field(
        1, description="servers of a NATS cluster that keep every message; 3 survive the loss of one"
    )


class RedisConfig(Section):
    url: str = Field(
        "",
        pattern=r"^$|^(rediss?|unix)://",
        description="redis://HOST:PORT/DB that gets a copy of the standings for dashboards and replicas; empty: none",
    )


class RunConfig(Section):
    """Everything that defines a run."""

    game: str
    rules: str
    preset: str = "default"
    run: str = Field("", pattern=r"^$|" + NAME_PATTERN)
    directory: str = Field("", description="the run's folder; filled in when the run is created")
    seed: int = Field(1, ge=0)
    decisions: int = Field(ge=1, description="decisions to train on")
    parent: str = Field(
        "", description="what the weights of step 0 were taken from; written by `ludus train --init-from`"
    )
    lockstep: bool = Field(
        False,
        description="deterministic mode: one window of one simulator is one update; slower, but whatever dies on the "
        "way, the run ends bit for bit the same",
    )
    agents: tuple[AgentConfig, ...] = Field(
        (), description="who learns; empty: one agent, called learner.agent, that plays every seat"
    )
    game_parameters: dict[str, Any] = Field(default_factory=dict)
    bus: BusConfig = BusConfig()  # type: ignore[call-arg]
    redis: RedisConfig = RedisConfig()  # type: ignore[call-arg]
    simulator: SimulatorConfig = SimulatorConfig()  # type: ignore[call-arg]
    network: NetworkConfig = NetworkConfig()  # type: ignore[call-arg]
    learner: LearnerConfig = LearnerConfig()  # type: ignore[call-arg]
    league: LeagueConfig
    evaluator: EvaluatorConfig = EvaluatorConfig()  # type: ignore[call-arg]
    health: HealthConfig = HealthConfig()  # type: ignore[call-arg]

    @property
    def total_updates(self) -> int:
        """Of each agent."""
        return max(1, self.decisions // self.learner.batch_decisions)

    @property
    def agent_names(self) -> tuple[str, ...]:
        """Everybody who learns, in the order of the file."""
        return tuple(agent.name for agent in self.agents) or (self.learner.agent,)

    @property
    def rollout_depth(self) -> int:
        """Slabs that ROLLOUTS holds. Several agents share it: what one of them leaves there, at rest or at its end,
        must not take the room of another, and every worker may have sent a window too many."""
        if len(self.agent_names) == 1:
            return self.learner.buffer_slabs
        spare = self.simulator.workers * self.simulator.slabs
        return (self.learner.buffer_slabs + spare) * len(self.agent_names)

    def folder_of(self, agent: str) -> Path:
        """Where an agent's checkpoints, weights and numbers are: the run's own folder if nobody else learns."""
        folder = Path(self.directory)
        return folder if len(self.agent_names) == 1 else folder / AGENTS_FOLDER / agent

    @property
    def exploiters(self) -> dict[str, str]:
        """ "main" or "league" by agent that exploits."""
        return {agent.name: agent.exploits for agent in self.agents if agent.exploits}

    def beginning_as(self, parents: Mapping[str, str]) -> RunConfig:
        """With what the weights of step 0 were taken from, by agent."""
        if not self.agents:
            return self.model_copy(update={"parent": parents.get(self.learner.agent, "")})
        agents = [one.model_copy(update={"parent": parents.get(one.name, "")}) for one in self.agents]
        return self.model_copy(update={"agents": tuple(agents)})

    def for_agent(self, agent: str) -> RunConfig:
        """The configuration as the learner of one agent reads it. Raises ConfigError for an unknown one."""
        names = self.agent_names
        if agent not in names:
            raise ConfigError(f"unknown agent {agent!r}: expected one of {', '.join(map(repr, names))}")
        share = self.league.exploiters.share if agent in self.exploiters else 1.0
        batch = max(
            min(self.learner.minibatch, self.learner.batch_decisions), round(share * self.learner.batch_decisions)
        )
        learner = self.learner.model_copy(update={"agent": agent, "batch_decisions": batch})
        seed, decisions = self.seed + names.index(agent) * AGENT_SEED_STRIDE, self.total_updates * batch
        parent = next((one.parent for one in self.agents if one.name == agent), "") or self.parent
        changes = {"learner": learner, "seed": seed, "parent": parent}
        changes |= {"decisions": decisions} if share < 1 else {}
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _half_precision_is_for_gpus(self) -> RunConfig:
        devices = {"learner.device": self.learner.device, "simulator.device": self.simulator.device}
        for key, device in devices.items():
            if self.network.precision == "fp16" and not device.startswith("cuda"):
                raise ValueError(f"network.precision = 'fp16' needs {key} = 'cuda', found {device!r}; CPUs have 'bf16'")
        return self

    @model_validator(mode="after")
    def _agents_differ(self) -> RunConfig:
        names = [agent.name for agent in self.agents]
        if len(set(names)) < len(names):
            raise ValueError(f"agents: every agent needs a name of its own, found {', '.join(names)}")
        if names and set(names) == set(self.exploiters):
            raise ValueError("agents: exploiters need somebody to exploit: expected an agent without `exploits`")
        if self.exploiters and (self.league.curriculum.alternation or self.league.curriculum.ladder):
            raise ValueError("agents: exploiters need agents that learn all the time: no alternation, and no levels")
        if self.lockstep and len(names) > 1:
            raise ValueError("lockstep: it takes one agent; remove `lockstep`, or train one role at a time")
        return self

    @model_validator(mode="after")
    def _lockstep_is_possible(self) -> RunConfig:
        if not self.lockstep:
            return self
        simulator, window = self.simulator, self.simulator.matches * self.simulator.steps
        wanted: dict[str, tuple[Any, Any]] = {
            "simulator.workers": (1, simulator.workers),
            "simulator.device": ("cpu", simulator.device),
            "learner.device": ("cpu", self.learner.device),
            "learner.batch_decisions": (window, self.learner.batch_decisions),
        }
        wrong = [f"{key} must be {must!r}, not {found!r}" for key, (must, found) in wanted.items() if must != found]
        if wrong:
            raise ValueError(f"lockstep: {'; '.join(wrong)} (one window, matches * steps, is one update)")
        return self

    @model_validator(mode="after")
    def _stages_come_about(self) -> RunConfig:
        begins = [stage.begins(self.total_updates) for stage in self.league.randomisation]
        if begins and (begins[0] != 0 or sorted(set(begins)) != begins or begins[-1] >= self.total_updates):
            raise ValueError(
                f"the stages of league.randomisation must begin at 0, in ascending order, and before update "
                f"{self.total_updates}, the last one; found {', '.join(f'{begin:g}' for begin in begins)}"
            )
        return self

    @model_validator(mode="after")
    def _slabs_fill_batches(self) -> RunConfig:
        slab = self.simulator.matches // self.simulator.slabs * self.simulator.steps
        if self.learner.batch_decisions % slab:
            raise ValueError(
                f"learner.batch_decisions ({self.learner.batch_decisions}) must be a multiple of one slab: "
                f"simulator.matches / simulator.slabs * simulator.steps = {slab}"
            )
        needed = max(self.learner.batch_decisions // slab, self.simulator.slabs)
        if self.learner.buffer_slabs < needed:
            raise ValueError(
                f"learner.buffer_slabs ({self.learner.buffer_slabs}) must be at least {needed}: a batch of "
                f"{self.learner.batch_decisions} decisions is {self.learner.batch_decisions // slab} slabs of {slab}, "
                f"a window {self.simulator.slabs}, and neither could ever be complete"
            )
        return self


def parse_assignment(text: str) -> tuple[str, Any]:
    """`learner.clip=0.1` -> ("learner.clip", 0.1). Values are TOML; a bare word is a string."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set expects KEY=VALUE, found {text!r}")
    return key.strip(), _parse_value(value.strip())


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _assign(tree: dict[str, Any], path: Iterable[str], value: Any) -> None:
    *parents, leaf = path
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{'.'.join([*parents, leaf])}: {parent!r} is not a section")
    tree[leaf] = value


def load(
    path: Path, overrides: Iterable[tuple[str, Any]] = (), environment: Mapping[str, str] | None = None
) -> RunConfig:
    """Read a TOML or JSON file, apply environment and overrides, check everything. Raises ConfigError."""
    tree = _read(path)
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(ENV_PREFIX):
            _assign(tree, name[len(ENV_PREFIX) :].lower().split("__"), _parse_value(value))
    for key, value in overrides:
        _assign(tree, key.split("."), value)
    return check(tree, str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8: {error.reason} at byte {error.start}") from error
    try:
        tree = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not valid {path.suffix.lstrip('.').upper() or 'TOML'}: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected a table of keys at the top")
    return tree


def check(tree: Mapping[str, Any], source: str) -> RunConfig:
    """Validate a tree of keys. Raises ConfigError with one line per wrong key."""
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        lines = [explain(RunConfig, problem) for problem in error.errors()]
        raise ConfigError(f"{source}: " + "; ".join(lines)) from error


def dump(config: RunConfig) -> str:
    """The resolved configuration as JSON, for `config.json`."""
    return json.dumps(config.model_dump(mode="json"), indent=2) + "\n"
