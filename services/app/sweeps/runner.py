"""Carries a sweep out. What has been done is read from the runs' folders, so a sweep that was killed simply goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable

from ...kernel.files import write_atomically
from ..checks import check_packages, check_run, check_space
from ..create import create
from ..errors import CommandError
from ..home import Home, RunFolder
from ..stack import check_bus, ensure_up, is_up
from .plan import Sweep, Trial, configured, trials

PLANNED, RUNNING, COMPLETED, FAILED, STOPPED = "planned", "running", "completed", "failed", "stopped"
LOOK_SECONDS = 1.0
#: A run that has failed is taken up again so often in one call of `ludus sweep`.
SECOND_CHANCES = 1


def status_of(run: RunFolder) -> str:
    """Of one run of a sweep."""
    if not run.config_file.exists():
        return PLANNED
    state = run.outcome().get("state")
    if state == "finished":
        return COMPLETED
    if state == "failed":
        return FAILED
    return RUNNING if run.wanted else STOPPED


def status_of_all(sweep: Sweep, home: Home) -> str:
    """Of the whole sweep, as experiment trackers say it."""
    found = [status_of(home.run(trial.name)) for trial in trials(sweep)]
    for status in (RUNNING, FAILED):
        if status in found:
            return status
    if all(status == COMPLETED for status in found):
        return COMPLETED
    return PLANNED if all(status == PLANNED for status in found) else STOPPED


def prepare(sweep: Sweep) -> None:
    """Every configuration is checked before the first run begins. Raises CommandError, ConfigError."""
    for trial in trials(sweep):
        check_run(configured(sweep, trial))


def carry_out(sweep: Sweep, home: Home, say: Callable[[str], None]) -> None:
    """Run what has not been run, `parallel` at a time. Raises CommandError when a run fails after its second chance."""
    prepare(sweep)
    check_packages()
    remember(sweep, home)
    chances = {trial.name: SECOND_CHANCES for trial in trials(sweep)}
    while left := [trial for trial in trials(sweep) if status_of(home.run(trial.name)) != COMPLETED]:
        going = [trial for trial in left if status_of(home.run(trial.name)) == RUNNING]
        if going and not is_up(home):  # killed together with the last `ludus sweep`
            ensure_up(home, bus=not configured(sweep, going[0]).bus.url)
        for trial in _next(left, going, sweep.parallel):
            _begin(sweep, trial, home, chances, say)
        time.sleep(LOOK_SECONDS)
    say(f"{sweep.name}: all {len(trials(sweep))} runs are completed")


def _next(left: Iterable[Trial], going: list[Trial], parallel: int) -> list[Trial]:
    return [trial for trial in left if trial not in going][: max(0, parallel - len(going))]


def _begin(sweep: Sweep, trial: Trial, home: Home, chances: dict[str, int], say: Callable[[str], None]) -> None:
    """Start it, or go on with it."""
    run = home.run(trial.name)
    status = status_of(run)
    if status == FAILED:
        if not chances[trial.name]:
            raise CommandError(f"{trial.name} has failed: {run.outcome().get('reason')}. See ludus logs {trial.name}")
        chances[trial.name] -= 1
    check_space(home.root)
    config = configured(sweep, trial)
    check_bus(home, config.bus.url, 0)
    ensure_up(home, bus=not config.bus.url)
    if status == PLANNED:
        create(home, config, trial.name)
    else:
        _take_up(run)
    done = sum(status_of(home.run(one.name)) == COMPLETED for one in trials(sweep))
    say(f"{trial.name} {'begins' if status == PLANNED else 'goes on'} ({done} of {len(trials(sweep))} completed)")


def _take_up(run: RunFolder) -> None:
    """In this order there is no moment in which the supervisor could start it the wrong way."""
    run.want("stopped")
    run.outcome_file.unlink(missing_ok=True)
    run.want("running")


def remember(sweep: Sweep, home: Home) -> None:
    """The home knows its sweeps by a copy. Raises CommandError if another plan has that name already."""
    path = home.root / "sweeps" / sweep.name / "sweep.json"
    text = json.dumps(sweep.model_dump(mode="json"), indent=2) + "\n"
    free = ("seeds", "parallel", "follow_up", "hypothesis", "origin")
    if path.exists():
        known = json.loads(path.read_text())
        changed = [key for key, value in sweep.model_dump(mode="json").items() if known.get(key) != value]
        if wrong := [key for key in changed if key not in free]:
            raise CommandError(
                f"the sweep {sweep.name} was begun with other values of {', '.join(wrong)}: its runs would not "
                f"compare. Give the file another name, or remove {path.parent} and its runs"
            )
    write_atomically(path, text.encode())
