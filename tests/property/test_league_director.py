"""The director drives every shipped configuration to its end, in whatever order tickets are played and get lost."""

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ludus.api.v1 import match_pb2 as m
from ludus.api.v1 import run_pb2 as run
from ludus.api.v1.policy_pb2 import PolicyRef
from ludus.games.conditions import in_regime, regimes_named, regimes_of
from ludus.games.registry import spec
from ludus.kernel.config import ConfigError, RunConfig, load
from ludus.kernel.panel import other_play, panel_opponents
from ludus.kernel.players import NOBODY, agent_of, is_bot, player_id, version_id
from ludus.kernel.promotion import Verdict
from ludus.league.director import step
from ludus.league.judge import FIRST_EVALUATION_SEED
from ludus.league.ledger import State, fold
from ludus.league.plan import Plan, make_plan
from ludus.league.seeds import evaluation_seed, gate_seed, training_seed
from ludus.league.view import Announce, Keep, Publish, Seen, View

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(FOLDER.glob("*.toml"))
DEFAULT, QUICK, ALONE = FOLDER / "dogfight.toml", FOLDER / "dogfight-quick.toml", FOLDER / "gym.toml"


class World:
    """A learner, players and a crash-prone league around the pure director."""

    def __init__(self, config: RunConfig, lose_every: int = 0, void_every: int = 0) -> None:
        self.plan: Plan = make_plan(config)
        self.record = run.RunRecord(state=run.RUN_STATE_STARTING, next_match=1, next_ticket=1)
        self.state = State()
        names = config.agent_names
        self.heads = {name: PolicyRef(agent=name, epoch=1, step=0, sha256=f"{name}0") for name in names}
        self.geneses = dict(self.heads)
        self.waiting: list[m.Ticket] = []
        self.issued: list[m.Ticket] = []
        self.kept = {version_id(genesis): genesis for genesis in self.geneses.values()}
        self.events: list[Announce] = []
        self.lose_every, self.void_every = lose_every, void_every

    @property
    def head(self) -> PolicyRef:
        """Of the first agent."""
        return next(iter(self.heads.values()))

    @head.setter
    def head(self, ref: PolicyRef) -> None:
        self.heads[ref.agent] = ref

    @property
    def genesis(self) -> PolicyRef:
        return self.geneses[self.head.agent]

    def seen(self, agent: str) -> Seen:
        head = self.heads[agent]
        done = head.step >= self.plan.config.total_updates
        return Seen(head, self.geneses[agent], head if done else None)

    def view(self) -> View:
        pools = Counter(ticket.pool for ticket in self.waiting)
        return View(
            agents={agent: self.seen(agent) for agent in self.heads}, standings=self.state,
            training_waiting=pools["train"], training_undelivered=pools["train"],
            evaluation_waiting=pools["evaluate"], caught_up=True, catalog=self.kept,
            exploiters=frozenset(self.plan.config.exploiters),
        )  # fmt: skip

    def turn(self) -> None:
        """One step of the director; effects are carried out as the service does."""
        self.record, effects = step(self.plan, self.record, self.view())
        for effect in effects:
            if isinstance(effect, Keep):
                self.kept[version_id(effect.policy)] = effect.policy
            elif isinstance(effect, Publish):
                self.issued.append(effect.ticket)
                lost = self.lose_every and len(self.issued) % self.lose_every == 0
                if not lost:
                    self.waiting.append(effect.ticket)
            else:
                self.events.append(effect)

    def learn(self, updates: int) -> None:
        """Every agent that is wanted; a later one of the run learns more slowly."""
        for rank, (name, head) in enumerate(self.heads.items()):
            if name in (self.record.learning or self.heads):
                target = min(head.step + max(1, updates - rank), self.plan.config.total_updates)
                self.heads[name] = PolicyRef(agent=name, epoch=head.epoch, step=target, sha256=f"{name}{target}")

    def play(self, count: int) -> None:
        """Finish some tickets, newest first: order must not matter."""
        for ticket in [self.waiting.pop() for _ in range(min(count, len(self.waiting)))]:
            for index in range(ticket.matches):
                self.book(ticket, index)

    def outcome(self, match: int) -> int:
        """Of a match between two."""
        return 1 + match % 3

    def book(self, ticket: m.Ticket, index: int) -> None:
        number = ticket.first_match + index
        void = self.void_every and number % self.void_every == 0
        seats = len(ticket.players)
        per_seed = 1 if ticket.fixed_seats else seats
        outcome = m.OUTCOME_SCORED if seats == 1 else self.outcome(number)
        result = m.MatchResult(
            match=number, ticket_id=ticket.ticket_id, purpose=ticket.purpose, players=ticket.players,
            first_seat=index % per_seed, outcome=m.OUTCOME_VOID if void else outcome, scores=[0.0] * seats,
            seed=ticket.seeds[index // per_seed], policies_at_end=[player.policy for player in ticket.players],
            regime=ticket.regime,
        )  # fmt: skip
        self.state = fold(self.state, self.state.position + 1, result, k=16)

    def run(self, updates: int = 7, tickets: int = 150, turns: int = 2000) -> None:
        for _ in range(turns):
            self.turn()
            if self.record.state == run.RUN_STATE_FINISHED:
                return
            self.play(tickets)
            self.learn(updates)
        raise AssertionError(f"the run did not finish: {self.record}")


def world(path: Path = DEFAULT, **settings: object) -> World:
    return World(load(path, environment={}), **settings)  # type: ignore[arg-type]


@cache
def finished() -> World:
    """A whole default run; only to be looked at."""
    league = world()
    league.run(tickets=400)
    return league


def panel(league: World, candidate: str) -> tuple[str, ...]:
    bots = league.plan.cast.bots_against(agent_of(candidate))
    step_0 = "main@1.0" if len(league.heads) == 1 else ()
    return (NOBODY,) if league.plan.alone else panel_opponents(candidate, bots, step_0)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_runs_to_its_end(path: Path) -> None:
    league = world(path)
    league.run()
    phases = [event.message.removesuffix(" begins") for event in league.events if event.kind == "phase"]
    assert phases == [phase.name for phase in league.plan.config.league.phases]
    evaluator = league.plan.config.evaluator
    final = version_id(league.head)
    for candidate in map(version_id, (*league.geneses.values(), *league.heads.values())):
        for opponent in panel(league, candidate):
            assert league.state.played("evaluate", candidate, opponent) == evaluator.final_matches_per_opponent
    for one, two in league.plan.cast.pairs():
        pair = version_id(league.heads[one]), version_id(league.heads[two])
        assert league.state.played("evaluate", *pair) == evaluator.matches_between_agents
    config = league.plan.config
    regimes = regimes_named(spec(config.game), config.rules, evaluator.regimes)
    for regime in set(regimes) - {"default"}:
        for opponent in panel(league, final):
            assert league.state.played("evaluate", final, opponent, regime) == evaluator.regime_matches_per_opponent
    for regime in regimes:
        play = other_play(evaluator.deterministic) if regime == "default" else f"{regime}-sampled"
        for opponent in panel(league, final):
            played = league.state.played("evaluate", final, opponent, play)
            assert played == evaluator.other_play_matches_per_opponent
    levels = [event.message.removesuffix(" begins") for event in league.events if event.kind == "randomisation"]
    assert levels == [stage.level for stage in league.plan.config.league.randomisation]
    assert league.record.pool[0] == version_id(league.genesis)
    assert league.record.curriculum.level == league.plan.curriculum.top
    if league.plan.config.league.curriculum.alternation:
        assert Counter(event.kind for event in league.events)["turn"] >= 6
    if len(league.heads) == 1:
        snapshots = league.plan.config.total_updates // league.plan.config.league.snapshot_updates
        assert len(league.record.pool) == 1 + (0 if league.plan.alone else snapshots)
    assert "gap" not in league.record.reason


@settings(max_examples=8, deadline=None)
@given(lose=st.integers(2, 40), void=st.sampled_from([0, 5, 13, 50]), epochs=st.integers(0, 3))
def test_lost_tickets_void_matches_and_restarted_learners_do_not_stop_a_run(lose: int, void: int, epochs: int) -> None:
    league = world(QUICK, lose_every=lose, void_every=void)
    for _ in range(epochs):
        league.turn()
        league.play(40)
        league.learn(9)
        league.head = PolicyRef(agent="main", epoch=league.head.epoch + 1, step=league.head.step - 3, sha256="again")
    league.run(tickets=400)
    evaluator = league.plan.config.evaluator
    for candidate in ("main@1.0", version_id(league.head)):
        for opponent in panel_opponents(candidate, league.plan.bots, "main@1.0"):
            played = league.state.pair("evaluate", candidate, opponent).matches
            assert played >= evaluator.final_matches_per_opponent
    assert league.record.epoch == 1 + epochs


def test_match_numbers_and_ticket_ids_never_repeat_and_seeds_keep_apart() -> None:
    league = finished()
    firsts = [(ticket.first_match, ticket.matches) for ticket in league.issued]
    numbers = [number for first, matches in firsts for number in range(first, first + matches)]
    assert len(numbers) == len(set(numbers))
    assert len({ticket.ticket_id for ticket in league.issued}) == len(league.issued)
    for ticket in league.issued:
        assert len(ticket.seeds) * 2 == ticket.matches
        assert all((seed >= FIRST_EVALUATION_SEED) == (ticket.pool == "evaluate") for seed in ticket.seeds)


def test_every_candidate_is_measured_on_the_same_seeds() -> None:
    league = finished()
    seeds: dict[str, dict[str, list[int]]] = {}
    for ticket in league.issued:
        if ticket.pool == "evaluate":
            candidate, opponent = map(player_id, ticket.players)
            meeting = f"{opponent} {ticket.regime}"
            seeds.setdefault(candidate, {}).setdefault(meeting.rstrip(), []).extend(ticket.seeds)
    assert len(seeds) > 3
    longest = seeds["main@1.0"]["bot:ace"]
    assert len(longest) == len(set(longest)) == league.plan.config.evaluator.final_matches_per_opponent // 2
    for per_opponent in seeds.values():
        assert all(used == longest[: len(used)] for used in per_opponent.values())


def test_training_tickets_follow_the_scripted_share() -> None:
    league = finished()
    shares: dict[str, list[bool]] = {}
    for ticket in league.issued:
        if ticket.pool == "train":
            assert ticket.players[0].live
            assert not ticket.deterministic
            shares.setdefault(ticket.phase, []).append(is_bot(player_id(ticket.players[1])))
    for phase in league.plan.config.league.phases:
        drawn = shares[phase.name]
        assert sum(drawn) / len(drawn) == pytest.approx(phase.scripted_share.at(0.5), abs=0.08)


def test_a_candidate_measured_before_is_only_completed() -> None:
    league = world()
    league.turn()
    config = league.plan.config
    last, wanted = f"main@1.{config.total_updates}", config.evaluator.final_matches_per_opponent
    league.record.evaluation_matches[last] = 40
    league.learn(config.total_updates)
    league.issued.clear()
    league.turn()
    mine = [ticket for ticket in league.issued if player_id(ticket.players[0]) == last]
    final = [ticket for ticket in mine if not ticket.regime]
    assert sum(ticket.matches for ticket in final) == (1 + len(league.plan.bots)) * (wanted - 40)
    assert league.record.evaluation_matches[last] == wanted


@pytest.mark.parametrize("missing", ["pursuer", "evader"])
def test_two_roles_begin_when_both_have_a_checkpoint_of_step_0(missing: str) -> None:
    league = World(load(FOLDER / "pursuit-alternating.toml", [], {}))
    plain = league.seen
    league.seen = lambda agent: replace(plain(agent), genesis=None) if agent == missing else plain(agent)  # type: ignore[method-assign]
    league.turn()
    assert league.record.state == run.RUN_STATE_STARTING
    assert league.issued == []
    league.seen = plain  # type: ignore[method-assign]
    league.turn()
    assert league.record.state == run.RUN_STATE_TRAINING
    assert list(league.record.pool) == ["pursuer@1.0", "evader@1.0"]


def test_nothing_happens_before_the_step_0_version_is_safe() -> None:
    league = world()
    record, effects = step(league.plan, league.record, View(agents={"main": Seen(league.head)}))
    assert (record, effects) == (league.record, [])


@pytest.mark.parametrize("state", [run.RUN_STATE_PAUSED, run.RUN_STATE_STOPPED, run.RUN_STATE_FINISHED])
def test_a_run_that_is_not_running_is_left_alone(state: run.RunState) -> None:
    league = world()
    league.turn()
    league.waiting.clear()
    league.record.state = state
    record, effects = step(league.plan, league.record, league.view())
    assert (record, effects) == (league.record, [])


def test_versions_whose_weights_are_gone_are_neither_kept_nor_measured() -> None:
    league = world()
    league.turn()
    league.learn(60)
    lost = View(agents={"main": Seen(league.head, league.genesis)}, catalog=league.kept, lost=frozenset({"main@1.60"}))
    record, effects = step(league.plan, league.record, lost)
    assert not [effect for effect in effects if isinstance(effect, Keep)]
    assert (record.last_snapshot_step, record.last_evaluation_step) == (0, 0)
    assert [effect for effect in effects if isinstance(effect, Publish)]  # training goes on


@settings(max_examples=8, deadline=None)
@given(lose=st.integers(2, 12), void=st.sampled_from([0, 3, 13]))
def test_a_player_alone_is_measured_in_full_whatever_gets_lost(lose: int, void: int) -> None:
    league = world(ALONE, lose_every=lose, void_every=void)
    league.run(updates=4, tickets=40)
    wanted = league.plan.config.evaluator.final_matches_per_opponent
    for candidate in ("main@1.0", version_id(league.head)):
        assert league.state.played("evaluate", candidate, NOBODY) >= wanted
    assert not league.state.pairs
    assert not league.state.players, "nobody was beaten, so nobody is rated"


def test_tickets_of_a_player_alone_have_a_seed_per_episode() -> None:
    league = world(ALONE)
    league.run(updates=4, tickets=40)
    seeds: dict[str, list[int]] = {}
    for ticket in league.issued:
        assert len(ticket.players) == 1
        assert len(ticket.seeds) == ticket.matches
        assert all((seed >= FIRST_EVALUATION_SEED) == (ticket.pool == "evaluate") for seed in ticket.seeds)
        player = player_id(ticket.players[0])
        assert ticket.players[0].live == (ticket.pool == "train")
        seeds.setdefault(f"{player} {ticket.regime}".rstrip(), []).extend(ticket.seeds)
    longest = seeds["main@1.0"]
    assert len(longest) == len(set(longest)) == league.plan.config.evaluator.final_matches_per_opponent
    assert len(seeds["main"]) == len(set(seeds["main"]))
    for player, used in seeds.items():
        assert player == "main" or used == longest[: len(used)], "every version meets the same starts"


def test_gives_up_on_a_panel_that_only_sends_void_matches() -> None:
    league = world(QUICK, void_every=1)
    league.run(updates=1000, tickets=1000)
    assert "gap" in league.record.reason


def gated(word: str) -> World:
    """A whole run with the gate; the evaluator says the same about everybody after 100 matches."""
    league = World(load(QUICK, [("evaluator.gate.enabled", True)], {}))
    view = league.view

    def judged() -> View:
        gate, champions = league.record.gate, league.record.champions
        played = league.state.played("probe", gate.candidate, champions[-1]) if gate.candidate else 0
        verdict = Verdict(gate.candidate, champions[-1], word) if played >= 100 else None  # type: ignore[arg-type]
        return replace(view(), verdict=verdict)

    league.view = judged  # type: ignore[method-assign]
    league.run()
    return league


@pytest.mark.parametrize("word", ["promoted", "rejected", "inconclusive"])
def test_the_gate_tests_the_last_version_and_carries_out_every_verdict(word: str) -> None:
    league = gated(word)
    final, champions = version_id(league.head), list(league.record.champions)
    assert champions[0] == "main@1.0"
    assert (champions[-1] == final) == (word == "promoted")
    assert (len(champions) > 1) == (word == "promoted")
    assert champions[-1] in league.record.pool
    assert not league.record.gate.candidate
    tested = {key.first for key in league.state.pairs if key.purpose == "probe"}
    assert final in tested
    assert set(champions[1:]) <= tested <= set(league.kept)
    assert champions[-1] in league.record.pool, "the champion is pinned"
    for candidate in champions[2:]:
        before = champions[champions.index(candidate) - 1]
        assert league.state.played("evaluate", candidate, before) > 0, "and on the panel of later versions"


def test_every_condition_of_the_configuration_is_measured_with_both_kinds_of_play() -> None:
    asked = [("evaluator.regimes", ["all"]), ("evaluator.other_play_matches_per_opponent", 20)]
    league = World(load(QUICK, asked, {}))
    league.run()
    final = version_id(league.head)
    regimes = regimes_of(spec("dogfight"), "training")
    assert len(regimes) == 8
    measured = {key.regime for key in league.state.pairs if key.purpose == "evaluate" and key.first == final}
    named = set(regimes) - {"default"}
    assert measured == {"", *named, "sampled", *(f"{name}-sampled" for name in named)}
    for ticket in league.issued:
        if ticket.purpose == m.PURPOSE_EVALUATE:
            assert ticket.deterministic == (not ticket.regime.endswith("sampled")), ticket.regime
            plain = ticket.regime.removesuffix("sampled").removesuffix("-") or "default"
            conditions = in_regime(spec("dogfight"), "training", league.plan.config.game_parameters, plain)
            assert json.loads(ticket.parameters_json) == conditions


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(0, 2**40))
def test_no_seed_of_training_is_one_of_measuring(seed: int, match: int, pair: int) -> None:
    """Whatever is drawn: the two halves of all numbers do not meet."""
    assert training_seed(seed, match) < FIRST_EVALUATION_SEED
    assert evaluation_seed(seed, pair) >= FIRST_EVALUATION_SEED
    assert gate_seed(seed, "main@1.40", pair) >= FIRST_EVALUATION_SEED


def test_starts_that_were_measured_on_were_never_trained_on() -> None:
    seeds: dict[str, set[int]] = {"train": set(), "evaluate": set()}
    for ticket in finished().issued:
        seeds[ticket.pool].update(ticket.seeds)
    assert all(seeds.values())
    assert not seeds["train"] & seeds["evaluate"]


def test_starts_of_the_gate_are_kept_for_evaluation_and_differ_from_those_of_the_panel_and_of_others() -> None:
    league = gated("rejected")
    seeds: dict[str, set[int]] = {}
    for ticket in league.issued:
        if ticket.purpose == m.PURPOSE_PROBE:
            seeds.setdefault(player_id(ticket.players[0]), set()).update(ticket.seeds)
    panel_seeds = {seed for ticket in league.issued if ticket.purpose == m.PURPOSE_EVALUATE for seed in ticket.seeds}
    every = [seed for found in (*seeds.values(), panel_seeds) for seed in found]
    assert len(seeds) > 1
    assert min(every) >= FIRST_EVALUATION_SEED
    assert len(every) == len(set(every))


def test_without_a_verdict_a_run_ends_all_the_same() -> None:
    league = World(load(QUICK, [("evaluator.gate.enabled", True), ("evaluator.gate.most_matches", 20)], {}))
    league.run()
    assert any("gets no verdict" in event.message for event in league.events)


def test_a_gate_needs_one_agent_that_can_meet_itself() -> None:
    for path in (ALONE, FOLDER / "pursuit.toml"):
        with pytest.raises(ConfigError, match=r"evaluator\.gate\.enabled: expected a run with one agent"):
            make_plan(load(path, [("evaluator.gate.enabled", True)], {}))


@cache
def exploited() -> World:
    """A whole run of the preset with exploiters; the pursuer's attacker wins everything, the evader's nothing."""
    league = World(load(FOLDER / "pursuit-exploiters.toml", [("decisions", 80 * 8192)], {}))
    plain = league.book

    def book(ticket: m.Ticket, index: int) -> None:
        """`World.book` gives every third match to either side; exploiters here are as good as their names."""
        names = [player_id(player) for player in ticket.players]
        if ticket.purpose != m.PURPOSE_TRAIN or not any(agent_of(name) in ATTACKERS for name in names):
            plain(ticket, index)
            return
        wins = m.OUTCOME_FIRST_WINS if agent_of(names[0]) == "pursuer-exploiter" else m.OUTCOME_DRAW
        league.state = fold(league.state, league.state.position + 1, m.MatchResult(
            match=ticket.first_match + index, ticket_id=ticket.ticket_id, purpose=ticket.purpose,
            players=ticket.players, outcome=wins, scores=[0.0, 0.0], seed=ticket.seeds[index],
            policies_at_end=[player.policy for player in ticket.players],
        ), k=16)  # fmt: skip

    league.book = book  # type: ignore[method-assign]
    for _ in range(2000):
        league.turn()
        for agent, state in league.record.exploiters.items():
            ref = league.heads[agent]
            if state.beginnings and state.epoch >= ref.epoch:  # its learner begins anew
                league.heads[agent] = PolicyRef(
                    agent=agent, epoch=state.epoch + 1, step=ref.step, sha256=f"{agent}{state.epoch}"
                )
        if league.record.state == run.RUN_STATE_FINISHED:
            return league
        league.play(150)
        league.learn(3)
    raise AssertionError("the run did not finish")


ATTACKERS = ("pursuer-exploiter", "evader-exploiter")


def test_an_exploiter_that_wins_joins_the_pool_and_begins_anew_and_one_that_does_not_only_begins_anew() -> None:
    league = exploited()
    winner, loser = (league.record.exploiters[agent] for agent in ATTACKERS)
    joined = [member for member in league.record.pool if agent_of(member) == "pursuer-exploiter"]
    assert winner.promoted >= 3
    assert winner.beginnings >= winner.promoted, "one of `main` always begins anew"
    assert len(joined) == min(1 + winner.promoted, 20), "and step 0"
    assert winner.start.agent == "pursuer"
    assert winner.start.step > 0, "with the newest weights of its role"
    assert loser.promoted == 0
    assert [member for member in league.record.pool if agent_of(member) == "evader-exploiter"] == [
        "evader-exploiter@1.0"
    ]


def test_exploiters_get_their_share_of_matches_and_meet_whom_they_attack() -> None:
    league = exploited()
    trained = [ticket.players for ticket in league.issued if ticket.purpose == m.PURPOSE_TRAIN][:1000]
    names = [[player_id(player) for player in players] for players in trained]
    main = [other for own, other in names if own == "pursuer-exploiter"]
    league_wide = [other for other, own in names if own == "evader-exploiter"]
    assert set(main) == {"evader"}, "it wins: nobody earlier is needed"
    assert len({member for member in league_wide if member.startswith("pursuer@")}) > 1
    assert "pursuer" not in league_wide
    per_exploiter = 0.15 / (2 + 2 * 0.15)
    for count in (len(main), len(league_wide)):
        assert abs(count / len(names) - per_exploiter) < 0.03
    assert "evader-exploiter" not in {other for own, other in names if own == "pursuer"}, "agents do not look for them"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("agents", [{"name": "a", "exploits": "main"}])], "exploiters need somebody to exploit"),
        ([("league.curriculum.alternation", {"phase_decisions": 5})], "agents that learn all the time"),
        ([("agents", [{"name": "a", "exploits": "everybody"}])], "exploits"),
    ],
)
def test_exploiters_that_make_no_sense_are_refused(changes: list[tuple[str, object]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(FOLDER / "pursuit-exploiters.toml", changes, {})
