"""Ludus on Modal: the four services as functions that hand over to themselves before the time limit.

    modal run --detach deploy/modal/app.py::smoke        # ten minutes, quick preset
    modal run --detach deploy/modal/app.py::production --config configs/dogfight.toml --run duel-1
    modal run --detach deploy/modal/app.py::sweep --config configs/dogfight.toml --seeds 1,2,3
    modal run deploy/modal/app.py::download --run duel-1

They need a NATS server that can be reached from there: the secret `ludus` holds NATS_URL (tls://…) and the files of
`ludus nats config` as variables (`ca.pem` → CA_PEM, `simulator.nk` → SIMULATOR_NK, …).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import modal
from shift import RESERVE_SECONDS, Resources, Verdict, work

HOME, KEYS = Path("/var/lib/ludus"), Path("/tmp/keys")  # noqa: S108 a container of our own
GPU = os.environ.get("LUDUS_MODAL_GPU", "L4")
SERVICES = {
    "simulator": Resources(gpu=GPU, cpu=2, memory_mebibytes=4096),
    "learner": Resources(gpu=GPU, cpu=2, memory_mebibytes=8192),
    "league": Resources(cpu=1, memory_mebibytes=1024),
    "evaluator": Resources(cpu=2, memory_mebibytes=4096),
}

app = modal.App("ludus")
volume = modal.Volume.from_name("ludus-runs", create_if_missing=True)
secret = modal.Secret.from_name("ludus")
image = modal.Image.debian_slim("3.12").pip_install("ludus[local,cluster,export]").add_local_python_source("shift")


def write_keys(folder: Path, environment: dict[str, str], service: str) -> None:
    """Of one service, from the secret's variables into files. Raises KeyError naming what is missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("ca.pem", f"{service}.nk"):
        file = folder / name
        file.write_text(environment[name.upper().replace(".", "_")])
        file.chmod(0o600)


def shift(service: str, run: str, config: str, limit_seconds: float, python: str = "python") -> Verdict:
    """One shift of a service, here."""
    write_keys(KEYS, dict(os.environ), service)
    file = HOME / "runs" / run / "run.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(config)
    own = {"LUDUS_HOME": str(HOME), "LUDUS__RUN": run, "LUDUS__BUS__CREDENTIALS": str(KEYS)}
    command = [python, "-m", f"ludus.{service}", "--config", str(file)]
    return work(command, limit_seconds - RESERVE_SECONDS, {**os.environ, **own})


def _function(service: str) -> modal.Function:
    asked = SERVICES[service]

    def serve(run: str, config: str, limit_seconds: float = asked.limit_seconds) -> Verdict:
        verdict = shift(service, run, config, limit_seconds)
        volume.commit()
        if verdict == "again":
            functions[service].spawn(run, config)
        return verdict

    decorate = app.function(
        name=service, serialized=True, image=image, secrets=[secret], volumes={str(HOME): volume},
        gpu=asked.gpu or None, cpu=asked.cpu, memory=asked.memory_mebibytes, timeout=asked.limit_seconds, retries=3,
    )  # fmt: skip
    made: modal.Function = decorate(serve)
    return made


functions = {service: _function(service) for service in SERVICES}


def with_seed(config: str, seed: int) -> str:
    """The same configuration with another seed: in front, where no section has begun yet."""
    return f"seed = {seed}\n" + re.sub(r"(?m)^seed *=.*\n", "", config)


def start(run: str, config: str, simulators: int = 1) -> None:
    """All services of a run, detached: they need neither this terminal nor one another's to be first."""
    for service, function in functions.items():
        for _ in range(simulators if service == "simulator" else 1):
            function.spawn(run, config)
    print(f"{run} is under way: modal app logs ludus")


@app.local_entrypoint()
def smoke(config: str = "configs/dogfight-quick.toml", run: str = "smoke") -> None:
    start(run, Path(config).read_text())


@app.local_entrypoint()
def production(config: str, run: str, simulators: int = 4) -> None:
    start(run, Path(config).read_text(), simulators)


@app.local_entrypoint()
def sweep(config: str, seeds: str = "1,2,3") -> None:
    text = Path(config).read_text()
    for seed in map(int, seeds.split(",")):
        start(f"{Path(config).stem}-{seed}", with_seed(text, seed))


@app.local_entrypoint()
def download(run: str, to: str = "runs") -> None:
    subprocess.run(["modal", "volume", "get", "ludus-runs", f"runs/{run}", to], check=True)  # noqa: S607
