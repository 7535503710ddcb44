"""The part of the command line that watches over a run's health."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

ROLLBACK = """Let training go on from an earlier checkpoint, in a new epoch: weights, optimizer, schedules and
generators are restored as one, what was learned after it is retired from the pool of opponents, results stay in the
ledger. By itself the controller does this when a run collapses; this is the same, asked for by a person.

examples:
  ludus rollback                           the newest run, to the newest healthy checkpoint
  ludus rollback duel-1 --to 1-480         to the checkpoint of step 480, written in epoch 1
  ludus events duel-1 --kind rollback   what has been rolled back, when and why
"""
PROMOTE = """Vouch for a checkpoint: it is kept for good, and a rollback may always go back to it.

examples:
  ludus promote duel-1 1-480
"""
EVENTS = """The audit trail of a run: what happened, when, and on what evidence.

examples:
  ludus events duel-1
  ludus events duel-1 --kind rollback --kind softened
  ludus events duel-1 --json
"""
RULES = """Write the table of health rules for Prometheus: recording rules, alerts, and a dead man's switch. The
learner's guard and the league's controller use the same table in process.

examples:
  ludus rules prometheus --output ludus-rules.yml
  promtool check rules ludus-rules.yml
"""
DRILL = """A collapse on purpose, on a small run of its own with the real learner, controller and nats-server: nothing
of yours is touched. It shows which plane answers, after how many updates, and whether training recovers.

examples:
  ludus drill --list
  ludus drill critic
  ludus drill --all --json drills.json
"""


def add_health(add: Any, run: Any) -> None:
    """`add` makes commands that share the common options, `run` lets a command name one."""
    rollback = add("rollback", "health:rollback", "go back to a healthy checkpoint and train on from there", ROLLBACK)
    run(rollback)
    rollback.add_argument("--to", metavar="CHECKPOINT", default="", help="EPOCH-STEP (default: the controller chooses)")
    rollback.add_argument("--agent", metavar="NAME", default="", help="which of several agents (default: the first)")
    rollback.add_argument("--reason", metavar="TEXT", default="", help="for the audit trail")
    promote = add(
        "promote", "health:promote", "vouch for a checkpoint, so that it is kept and can be gone back to", PROMOTE
    )
    promote.add_argument("run", metavar="RUN", help="its run")
    promote.add_argument("checkpoint", metavar="CHECKPOINT", help="EPOCH-STEP, a folder in checkpoints/ of the run")
    promote.add_argument("--agent", metavar="NAME", default="", help="which of several agents (default: the first)")
    _events(add("events", "health:events", "what happened in a run, when and why", EVENTS), run)
    _drill(add("drill", "drill:drill", "let a small run collapse on purpose, and see what is done about it", DRILL))
    _rules(add("rules", "health:rules", "the table of health rules for Prometheus", RULES))


def _events(parser: argparse.ArgumentParser, run: Any) -> None:
    run(parser)
    parser.add_argument("--kind", action="append", metavar="KIND", help="only these; may be repeated")
    parser.add_argument("-n", "--lines", type=int, default=40, metavar="N", help="at most (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs: one event per line")


def _drill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="*", metavar="NAME", help="which; see --list")
    parser.add_argument("--all", action="store_true", help="every one of them")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows for programs")


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", choices=("prometheus",), metavar="TARGET", help="prometheus")
    text = "seconds between two scrapes (default %(default)s)"
    parser.add_argument("--scrape-seconds", type=float, default=5.0, metavar="S", help=text)
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write (default: to the terminal)")
