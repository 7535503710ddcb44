"""`ludus k8s render`: the manifests of one run, from its configuration and the kustomization that comes with Ludus."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from rich.console import Console

from ...kernel.config import RunConfig, load
from ...kernel.jetstream import consumer_config
from ...kernel.topology import CONSUMERS, TICKETS, TRAIN_POOL
from ..errors import CommandError, UsageError
from ..home import Home
from ..presets import preset_file

CONFIG = "run.toml"
#: As deploy/k8s/base/nats.yaml names its pods, and the label that tells learners apart.
NATS_SERVERS = ("nats-0.nats", "nats-1.nats", "nats-2.nats")
AGENT_LABEL = "ludus/agent"


def render(options: argparse.Namespace, home: Home, console: Console) -> int:
    """Write a kustomization for the run, which names an overlay. Raises CommandError, UsageError."""
    source = options.deploy / "overlays" / options.overlay
    if not (source / "kustomization.yaml").is_file():
        raise UsageError(f"--deploy {options.deploy}: there is no overlays/{options.overlay}/kustomization.yaml")
    config = options.config or preset_file(options.game, options.preset)
    run = load(config, [("run", options.run)], environment={})
    folder: Path = options.output.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(options.deploy, folder / "deploy", dirs_exist_ok=True)
        if _learners(run):
            _one_each(folder / "deploy" / "base", _learners(run))
        shutil.copyfile(config, folder / CONFIG)
        (folder / "kustomization.yaml").write_text(json.dumps(_kustomization(run, options), indent=2) + "\n")
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}") from error
    for line in _next_steps(run, options, folder):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _kustomization(run: RunConfig, options: argparse.Namespace) -> dict[str, object]:
    """JSON, which is YAML. Names of streams and agents are those of the program."""
    patches = [_environment(kind, name, run.run) for kind, name in _workloads(run)]
    if "keda" in (options.deploy / "overlays" / options.overlay / "kustomization.yaml").read_text():
        patches.append(_scaler(run.run))
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": options.namespace,
        "resources": [f"deploy/overlays/{options.overlay}"],
        "configMapGenerator": [{"name": "run", "behavior": "replace", "files": [CONFIG]}],
        "images": [{"name": name, "newName": image} for name, image in _images(options).items()],
        "patches": patches,
    }


def _images(options: argparse.Namespace) -> dict[str, str]:
    return {"ludus": options.image} if options.image else {}


def _learners(run: RunConfig) -> dict[str, str]:
    """Names of the agents by those of their learners; none where one learner is enough."""
    return {f"learner-{agent}": agent for agent in run.agent_names} if len(run.agent_names) > 1 else {}


def _workloads(run: RunConfig) -> list[tuple[str, str]]:
    learners = [("StatefulSet", name) for name in _learners(run) or ["learner"]]
    return [("Deployment", "league"), *learners, ("Deployment", "simulator"), ("Deployment", "evaluator")]


def _one_each(base: Path, learners: dict[str, str]) -> None:
    """Instead of the learner one per agent, in the copy of the base: overlays and components find them there."""
    index = base / "kustomization.yaml"
    text, line = index.read_text(), "  - learner\n"
    if line not in text:
        raise UsageError(f"--deploy: {base}/kustomization.yaml names no learner: expected the line {line.strip()!r}")
    index.write_text(text.replace(line, "".join(f"  - learners/{name}\n" for name in learners)))
    for name, agent in learners.items():
        folder = base / "learners" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kustomization.yaml").write_text(json.dumps(_learner(agent), indent=2) + "\n")


def _learner(agent: str) -> dict[str, object]:
    arguments = [
        {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": v} for v in ("--agent", agent)
    ]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../learner"],
        "nameSuffix": f"-{agent}",
        "labels": [{"pairs": {AGENT_LABEL: agent}, "includeSelectors": True}],
        "patches": [{"target": {"kind": "StatefulSet", "name": "learner"}, "patch": json.dumps(arguments)}],
    }


def _environment(kind: str, name: str, run: str) -> dict[str, object]:
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": run}]
    return {"target": {"kind": kind, "name": name}, "patch": json.dumps(patch)}


def _scaler(run: str) -> dict[str, object]:
    durable = consumer_config(CONSUMERS["simulator"], run, TRAIN_POOL)["durable_name"]
    values = {"stream": TICKETS.stream_name(run), "consumer": durable}
    patch = [{"op": "replace", "path": f"/spec/triggers/0/metadata/{k}", "value": v} for k, v in values.items()]
    return {"target": {"kind": "ScaledObject", "name": "simulator"}, "patch": json.dumps(patch)}


def _next_steps(run: RunConfig, options: argparse.Namespace, folder: Path) -> list[str]:
    space = options.namespace
    keys = f"keys/credentials/{run.run}"
    secrets = [
        f"kubectl -n {space} create secret generic ludus-{name}-keys --from-file={keys}/ca.pem "
        f"--from-file={keys}/{name}.nk --from-file={keys}/{name}.pem --from-file={keys}/{name}.key"
        for name in ("league", "learner", "simulator", "evaluator")
    ]
    servers = " ".join(f"--cluster {host}" for host in NATS_SERVERS)
    agents = "".join(f" --agent {agent}" for agent in _learners(run).values())
    return [
        f"ludus nats config --run {run.run}{agents} --host nats --listen 0.0.0.0 --monitor-port 8222 --output keys "
        f"--store /data --seen-as /keys {servers}",
        f"kubectl create namespace {space}",
        f"kubectl -n {space} create secret generic ludus-nats-keys --from-file=keys/nats.conf "
        "--from-file=keys/server.pem --from-file=keys/server.key "
        "--from-file=keys/route.pem --from-file=keys/route.key --from-file=keys/route-ca.pem",
        *secrets,
        f"kubectl apply -k {folder}",
    ]
