"""The command line as an argparse tree. It is frozen by a test and printed into docs/cli.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from .cluster_arguments import add_cluster
from .health_arguments import add_health
from .help_texts import (
    ANALYSE,
    BENCH,
    CLONE,
    CROSSPLAY,
    DASHBOARD,
    EPILOG,
    EVALUATE,
    EXPERIMENTS,
    EXPLOIT,
    EXPORT,
    LOGS,
    MAIN,
    PLAY,
    REPLAY,
    REPORT,
    SWEEP,
    TOURNAMENT,
    TRAIN,
    UP,
    VALIDATE,
)
from .observe_arguments import add_observe

#: Those of ludus.league.ratings.systems; named here too, so that `--help` need not load them.
RATING_SYSTEMS = ("elo", "bradley-terry", "openskill")


class Parser(argparse.ArgumentParser):
    """One line for one mistake."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (help: {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def build_parser() -> Parser:
    parser = Parser(
        prog="ludus", description=MAIN, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"ludus {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    common = Parser(add_help=False)
    # Before or after the command: there its absence must not undo what stands here.
    for place, default in ((parser, None), (common, argparse.SUPPRESS)):
        text = "where everything is kept (default: $LUDUS_HOME or ~/.ludus)"
        place.add_argument("--home", type=Path, metavar="DIR", default=default, help=text)
    add = _Adder(commands, common)
    _stack(add)
    _train(add)
    _runs(add)
    _replays(add)
    _reports(add)
    _sweeps(add)
    _league(add)
    _measures(add)
    _submissions(add)
    add_observe(add, _run)
    add_cluster(add)
    return parser


class _Adder:
    """Adds commands that share the common options."""

    def __init__(self, commands: Any, common: Parser) -> None:
        self._commands, self.common = commands, common

    def __call__(self, name: str, action: str, text: str, description: str = "") -> Parser:
        parser: Parser = self._commands.add_parser(
            name, help=text, description=description or f"{text[0].upper()}{text[1:]}.", parents=[self.common],
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
        )  # fmt: skip
        parser.set_defaults(action=action)
        return parser


def _stack(add: _Adder) -> None:
    up = add("up", "stack:up", "start the stack in the background", UP)
    _nats(up)
    add("down", "stack:stop_stack", "end the stack and everything that runs on it; runs can go on with the next `up`")
    add("doctor", "doctor:doctor", "check the set-up: python, torch, warp, nats-server, disk, cores, ports")


def _train(add: _Adder) -> None:
    train = add("train", "train:train", "start a run of GAME and watch it", TRAIN)
    _game(train)
    train.add_argument("--run", metavar="NAME", help="name of the run: a-z, 0-9, '-' (default: a fresh one)")
    train.add_argument("--seed", type=int, metavar="N", help="everything random is drawn from it")
    train.add_argument("--decisions", type=int, metavar="N", help="how long to train")
    train.add_argument(
        "--guest", action="append", metavar="FILE.onnx", help="a policy from elsewhere as an opponent; may be repeated"
    )
    train.add_argument(
        "--init-from",
        action="append",
        metavar="[AGENT=]SOURCE",
        help="begin with the networks of a checkpoint: its folder, RUN[:AGENT] or RUN[:AGENT]@STEP; once per agent",
    )
    train.add_argument("--grow", action="store_true", help="make them as large as this run's, doing the same at first")
    train.add_argument("--detach", action="store_true", help="start it and return at once")
    _nats(train)
    config = add("config", "train:show_config", "print the configuration a run of GAME would use")
    _game(config)


def _game(parser: Parser) -> None:
    parser.add_argument("game", metavar="GAME", help="for example dogfight, or gym:CartPole-v1")
    _configuration(parser)


def _configuration(parser: Parser) -> None:
    parser.add_argument("--preset", metavar="P", help="a configuration that comes with Ludus (default: default)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration of your own, TOML or JSON")
    parser.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="change one key, like learner.gamma=0.995; may be repeated"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, found {port}")
    return port


def _nats(parser: Parser) -> None:
    parser.add_argument("--nats-url", metavar="URL", help="use this NATS server instead of starting one")
    parser.add_argument("--nats-port", type=_port, metavar="N", help="port of the stack's own (default: a free one)")


def _runs(add: _Adder) -> None:
    for name in ("attach", "watch"):
        _run(add(name, "runs:attach", "watch a run; Ctrl-C leaves it running"))
    status = add("status", "runs:status", "state, progress, services, and what died, when and why")
    _run(status)
    status.add_argument("--json", action="store_true", help="for programs")
    _run(add("stop", "runs:stop", "end a run; it can go on later"))
    _run(add("resume", "runs:resume", "go on with a run that was stopped, paused or has failed, at the same update"))
    _run(add("pause", "runs:pause", "let a run wait, with its services; `resume` goes on"))
    add_health(add, _run)
    add("runs", "runs:list_runs", "list all runs")
    remove = add("remove", "remove:remove", "delete a run that is over: its folder, and its ledger on the bus")
    remove.add_argument("run", metavar="RUN", help="name of the run")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    logs = add("logs", "logs:logs", "what the services say", LOGS)
    _run(logs)
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="only this one")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    logs.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="of each file (default %(default)s)")
    logs.add_argument("--raw", action="store_true", help="lines as they were written (JSON)")


def _run(parser: Parser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help="name of the run (default: the newest in progress)")


def _replays(add: _Adder) -> None:
    play = add("play", "replays:play", "play one match between two players and keep it", PLAY)
    for seat, default in (("red", "brawler"), ("blue", "ace")):
        text = f"a bot, a file (.onnx, .safetensors) or a run whose policy plays (default {default})"
        play.add_argument(f"--{seat}", metavar="PLAYER", default=default, help=text)
    play.add_argument("--seed", type=int, metavar="N", default=1, help="where the match starts (default %(default)s)")
    play.add_argument("--rules", metavar="RULES", help="rule set (default: that of the policies, or the game's first)")
    play.add_argument("--output", type=Path, metavar="FILE", help="where to keep it (default: replays/ of the home)")
    replay = add("replay", "replays:replay", "show a kept match in the browser", REPLAY)
    replay.add_argument("match", nargs="?", metavar="MATCH", help="a file or a name (default: the newest)")
    replay.add_argument("--output", type=Path, metavar="FILE", help="the page (default: beside the replay)")
    analyse = add("analyse", "analyse:analyse", "numbers about kept matches: accuracy, energy, dynamism", ANALYSE)
    analyse.add_argument("match", nargs="?", metavar="WHAT", help="a match, a run or a folder (default: newest match)")
    analyse.add_argument("--json", metavar="FILE", help="write the numbers for programs")


def _reports(add: _Adder) -> None:
    report = add("report", "report:report", "write the page of a run: what it was and what it reached", REPORT)
    _run(report)
    report.add_argument("--markdown", action="store_true", help="Markdown with charts beside it instead of HTML")
    report.add_argument("--output", type=Path, metavar="FILE", help="where to (default: into the run's folder)")
    board = add("dashboard", "report:dashboard", "the pages of all runs, live, in the browser", DASHBOARD)
    board.add_argument("--port", type=int, default=8420, metavar="N", help="0: a free one (default %(default)s)")


def _sweeps(add: _Adder) -> None:
    sweep = add("sweep", "sweep:sweep", "run variants × seeds of an experiment", SWEEP)
    sweep.add_argument("sweep", metavar="SWEEP", help="a TOML file, or a name")
    sweep.add_argument("--dry-run", action="store_true", help="check everything and show the runs")
    sweep.add_argument("--detach", action="store_true", help="start it in the background and return at once")
    shown = add("experiments", "sweep:experiments", "list experiments, or show what one of them says", EXPERIMENTS)
    shown.add_argument("sweep", nargs="?", metavar="SWEEP", help="a name or a file (default: list them)")
    shown.add_argument("--html", action="store_true", help="as an HTML page instead of Markdown")
    shown.add_argument("--output", type=Path, metavar="FILE", help="where to (default: print it)")


def _league(add: _Adder) -> None:
    league = add("league", "", "questions to the ledger of a run")
    questions = league.add_subparsers(dest="question", metavar="QUESTION", required=True, parser_class=Parser)
    inner = _Adder(questions, add.common)
    replay = inner("replay", "league:replay", "fold all results again and compare with the stored standings")
    _run(replay)
    text = f"rate the same matches by another system too: {', '.join(RATING_SYSTEMS)}"
    replay.add_argument("--rating", choices=RATING_SYSTEMS, metavar="SYSTEM", help=text)
    _run(inner("standings", "league:standings", "live Elo and results as the ledger has them"))
    ratings = inner("ratings", "league:ratings", "ratings of record: all measured matches at once, with errors")
    _run(ratings)
    ratings.add_argument("--json", action="store_true", help="for programs")


def _measures(add: _Adder) -> None:
    exploit = add("exploit", "exploit:exploit", "train against a run's frozen policy: can it be beaten?", EXPLOIT)
    exploit.add_argument("run", nargs="?", metavar="RUN[@STEP]", help="whose policy is attacked (default: the newest)")
    exploit.add_argument("--role", metavar="R", help="of the exploiter, where agents have roles: the other is attacked")
    exploit.add_argument("--budget", type=int, metavar="N", help="decisions (default: a fifth of the run's)")
    text = "one exploiter after the other, at these shares of the run's training: waits for a run that goes on"
    exploit.add_argument("--at", metavar="P,P,...", help=text)
    exploit.add_argument("--fresh", action="store_true", help="begin with untrained weights, not with the run's own")
    exploit.add_argument("--name", metavar="NAME", help="of the exploiter's run (default: a fresh one)")
    exploit.add_argument("--seed", type=int, metavar="N", help="everything random is drawn from it")
    exploit.add_argument("--set", action="append", metavar="KEY=VALUE", help="change one key; may be repeated")
    exploit.add_argument("--detach", action="store_true", help="start it and return at once")
    evaluate = add("evaluate", "evaluate:evaluate", "measure a run's policy against the bots, in any regime", EVALUATE)
    evaluate.add_argument("run", nargs="?", metavar="RUN[@STEP]", help="a run, or one of its checkpoints by its step")
    text = "conditions to play under, or 'all'; may be repeated (default: default)"
    evaluate.add_argument("--regime", action="append", metavar="R", help=text)
    text = "against each opponent in each regime (default %(default)s)"
    evaluate.add_argument("--matches", type=int, default=200, metavar="N", help=text)
    evaluate.add_argument("--seed", type=int, default=1, metavar="N", help="draws the starts (default %(default)s)")
    evaluate.add_argument("--json", metavar="FILE", help="write the table for programs")
    bench = add("bench", "", "measure speed, with targets")
    what = bench.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=Parser)
    game = _Adder(what, add.common)("game", "bench:game", "decisions per second of a game", BENCH)
    game.add_argument("game", metavar="GAME", help="for example dogfight")
    game.add_argument("--quick", action="store_true", help="fewer and shorter repetitions: some seconds")
    game.add_argument("--json", type=Path, metavar="FILE", help="write the rows for programs")


def _submissions(add: _Adder) -> None:
    export = add("export", "export:export", "write the policy of a run as ONNX or safetensors", EXPORT)
    _run(export)
    export.add_argument(
        "--format", choices=("onnx", "safetensors"), metavar="F", default="onnx",
        help="onnx or safetensors (default %(default)s)",
    )  # fmt: skip
    export.add_argument("--output", metavar="FILE", help="where to (default: the run's weights folder)")
    which = export.add_mutually_exclusive_group()
    which.add_argument("--checkpoint", metavar="EPOCH-STEP", help="that of this checkpoint, for example 1-500")
    which.add_argument("--best", action="store_true", help="that of the champion, or of the highest rating of record")
    export.add_argument("--license", metavar="L", help="of these weights, for the model card: for example CC-BY-4.0")
    validate = add("validate", "validate:validate", "check an ONNX file against the submission contract", VALIDATE)
    validate.add_argument("file", metavar="FILE", help="an ONNX file, whoever made it")
    validate.add_argument(
        "--rules", choices=("training", "competition"), metavar="R",
        help="rule set: training (46 observed floats) or competition (224); default: the one its input fits",
    )  # fmt: skip
    _clone(add)
    contest = add("tournament", "tournament:tournament", "bots, ONNX files and runs: everybody against all", TOURNAMENT)
    contest.add_argument("participants", nargs="+", metavar="PARTICIPANT", help="a bot, a file or a run; at least two")
    contest.add_argument("--matches", type=int, default=100, metavar="N", help="of each pair (default %(default)s)")
    contest.add_argument("--rules", metavar="R", default="training", help="rule set (default %(default)s)")
    contest.add_argument("--seed", type=int, default=1, metavar="N", help="draws the starts (default %(default)s)")
    contest.add_argument("--json", metavar="FILE", help="write standings and pairings for programs")
    contest.add_argument("--keep", type=Path, metavar="DIR", help="keep every match as a replay in this folder")
    cross = add("crossplay", "crossplay:crossplay", "checkpoints of runs against one another, as a heatmap", CROSSPLAY)
    cross.add_argument("participants", nargs="+", metavar="PARTICIPANT", help="a run, a bot or a file")
    cross.add_argument("--budget", type=int, default=1000, metavar="N", help="matches in all (default %(default)s)")
    cross.add_argument("--rules", metavar="R", default="training", help="rule set (default %(default)s)")
    cross.add_argument("--seed", type=int, default=1, metavar="N", help="draws the starts (default %(default)s)")
    cross.add_argument("--output", metavar="DIR", help="where to (default: crossplay/ of the home)")


def _clone(add: _Adder) -> None:
    clone = add("clone", "clone:clone", "train a policy that plays as a scripted bot does", CLONE)
    clone.add_argument("bot", metavar="BOT", help="for example brawler")
    clone.add_argument("--game", metavar="GAME", default="dogfight", help="its game (default %(default)s)")
    clone.add_argument("--rules", metavar="R", help="rule set (default: that of the preset)")
    _configuration(clone)
    clone.add_argument("--seed", type=int, metavar="N", help="draws weights and starts (default: that of the preset)")
    for name, value, text in (
        ("rounds", 6, "the first one with demonstrations, the others with corrections"),
        ("decisions", 400, "of 256 matches, watched in each round"),
        ("epochs", 4, "passes over all pairs, in each round"),
        ("matches", 100, "against each bot to measure it; 0 to leave that out"),
    ):
        clone.add_argument(f"--{name}", type=int, metavar="N", default=value, help=f"{text} (default %(default)s)")
    clone.add_argument("--output", type=Path, metavar="DIR", help="where to (default: clones/BOT-RULES of the home)")
