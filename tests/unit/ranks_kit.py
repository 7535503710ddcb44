"""Two or three real processes that share updates: this one is rank 0, the others are this file as a program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from ludus.kernel.config import RunConfig, dump, load
from ludus.kernel.nats_server import free_port
from ludus.learner.muster import Muster
from ludus.learner.ranks import Ranks, RanksDiffer
from ludus.learner.update import Updater

from .learner_kit import learner

ROOT = Path(__file__).parents[2]


@contextmanager
def company(
    run: RunConfig,
    folder: Path,
    dtype: str = "float32",
    fault: str = "",
    host: str = "127.0.0.1",
    elsewhere: Sequence[str] = (),
) -> Iterator[tuple[Ranks, list[int]]]:
    """This process as rank 0, at `host`, and `learner.ranks - 1` others; also their process ids.

    `elsewhere`: the command that starts a program where the others are.
    """
    (folder / "run.json").write_text(dump(run))
    port = str(free_port())
    program = [sys.executable, "-m", "tests.unit.ranks_kit", str(folder / "run.json"), host, port, dtype, fault]
    others = [subprocess.Popen([*elsewhere, *program, str(number)], cwd=ROOT) for number in range(1, run.learner.ranks)]
    muster = Muster(run, 0, network(host, port))
    try:
        yield muster.gather(), [other.pid for other in others]
    finally:
        for other in others:
            other.kill()
            other.wait()
        muster.close()


def network(host: str, port: str) -> dict[str, str]:
    return {"MASTER_ADDR": host, "MASTER_PORT": port, "LUDUS_RANKS_NETWORK": "private"}


def main(config: str, host: str, port: str, dtype: str, fault: str, number: str) -> None:
    run = load(Path(config), environment={})
    torch.set_flush_denormal(True)
    muster = Muster(run, int(number), network(host, port))
    ranks = muster.gather()
    # another seed: nothing that this rank begins with may matter
    state, versions, _ = learner(run, seed=99, dtype=getattr(torch, dtype))
    updater = Updater(run, state, versions, ranks)
    if fault == "drift":
        step = state.optimizer.step
        state.optimizer.step = lambda rate, *rest: step(rate * (1 + 1e-4), *rest)  # type: ignore[method-assign]
    try:
        while updater.assist():
            pass
    except RanksDiffer as error:
        sys.exit(str(error))
    finally:
        muster.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
