"""The arms of pursuit_selfplay.py: what `ludus train pursuit` is told in each."""

from __future__ import annotations

from typing import NamedTuple

BOTH = ("evader", "pursuer")
#: Steps of 0.05 s: the game's value is 0 captures with little time and 1 with much.
CLOCKS = (400, 440, 480, 520, 600)
SHORT = ["--decisions", "1000000", "--set", "evaluator.every_updates=6", "--set", "evaluator.matches_per_opponent=2"]
COMPARED = [
    *("--decisions", "500000", "--set", "evaluator.every_updates=4", "--set", "evaluator.matches_per_opponent=2"),
    *("--set", "evaluator.final_matches_per_opponent=100", "--set", "evaluator.other_play_matches_per_opponent=0"),
    *("--set", "evaluator.share=0.5"),
]
#: Where both learn and some matches are against scripts, batches are larger than asked for: this makes half a million.
OVERFULL = ["--decisions", "380000"]
TURNS = "league.curriculum.alternation"
#: The original's phases: 500,000 of its steps, of which an action is held for four here; so are the short first ones.
PHASES = [*COMPARED, "--set", f"{TURNS}.phase_decisions=125000"]
WARMUP = ["--set", f"{TURNS}.warmup_decisions=[25000, 25000, 50000, 50000, 75000, 75000]"]
#: The controller's numbers for 61 updates: else there is nothing to go back to but step 0.
WATCHED = [
    *("--set", "health.survive_updates=8", "--set", "health.margin_updates=2", "--set", "health.calm_updates=5"),
    *("--set", "health.cool_down_updates=12", "--set", "health.probation_updates=12"),
]
CONSTANT = ["--set", 'learner.learning_rate_schedule="constant"']
FALLING = ["--set", 'learner.learning_rate_schedule="linear"']
#: Phases whose opponents are these, without scripts.
PLAIN = 'league.phases=[{{name = "self-play", share = 1.0, opponents = {}}}]'
SCRIPTS = (
    'league.phases=[{name = "self-play", share = 1.0, opponents = "latest", scripted_share = 0.2, '
    'bots = [{ bots = ["lion", "proportional_navigation", "circler", "flee"] }]}]'
)
NO_WARMUP = ["--set", f"{TURNS}.warmup_decisions=[]"]


#: The original's numbers (.02 and .98) are never reached here; these are where its swings are.
BAND = 0.25, 0.75
#: The original wrote fifty checkpoints per phase and kept fifteen; here a measurement is about every second.
ROLLING = ["--set", "learner.checkpoint_seconds=0.5", "--set", "learner.checkpoints_kept=15"]


class Arm(NamedTuple):
    arguments: list[str]
    exploited: tuple[str, ...] = ()
    """roles of the exploiters"""
    monitor: str = ""
    """of captures: whom it takes back, "learner" or "both"; "" for no monitor"""


ARMS = {
    "default": Arm([], ("evader",)),
    "balanced": Arm(["--preset", "balanced"], BOTH),
}
USUAL = list(ARMS)
PROTOCOLS = {
    "simultaneous": ["--preset", "balanced", *COMPARED, *OVERFULL],
    "simultaneous-plain": ["--preset", "balanced", *COMPARED, *CONSTANT, "--set", PLAIN.format("{live = 1.0}")],
    "alternating": ["--preset", "alternating", *PHASES, *WARMUP],
    "alternating-cold": ["--preset", "alternating", *PHASES, *NO_WARMUP],
    "alternating-pool": ["--preset", "alternating", *PHASES, *WARMUP, "--set", PLAIN.format('"mixed"')],
    "alternating-scripts": ["--preset", "alternating", *PHASES, *WARMUP, *FALLING, "--set", SCRIPTS],
}
ARMS |= {name: Arm([*arguments, *WATCHED]) for name, arguments in PROTOCOLS.items()}
ARMS |= {
    f"alternating-cold-{name}": Arm([*PROTOCOLS["alternating-cold"], *WATCHED, *ROLLING], monitor=whom)
    for name, whom in {"monitored": "learner", "bilateral": "both"}.items()
}
COMPARISON = [arm for arm in ARMS if arm not in USUAL]
ARMS |= {
    f"clock-{clock}": Arm(["--preset", "balanced", *SHORT, "--set", f"game_parameters.physics.max_steps={clock}"])
    for clock in CLOCKS
}
