"""Manifests of Kubernetes: rendered, validated strictly, and every name in them is one that the program knows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run as ludus
from ludus.app.presets import preset_file
from ludus.kernel.config import ENV_PREFIX, RunConfig, load
from ludus.kernel.jetstream import consumer_config
from ludus.kernel.permissions import permissions
from ludus.kernel.service import DRAIN_SECONDS, _parser
from ludus.kernel.topology import CONSUMERS, TICKETS, TRAIN_POOL

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install 'ludus[dev]'")
validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
ROOT = Path(__file__).parents[2]
SERVICES = {"league", "learner", "simulator", "evaluator"}
CUSTOM = {"ScaledObject", "PodMonitor"}
SCALER_KEYS = {
    "spec": {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "advanced",
             "triggers"},
    "metadata": {"natsServerMonitoringEndpoint", "useHttps", "account", "stream", "consumer", "lagThreshold"},
}  # fmt: skip
kubectl = pytest.mark.skipif(
    not shutil.which("kubectl"), reason="kubectl is not installed: manifests cannot be rendered"
)


def render(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


#: Game of the run and overlay, with the names of the learners.
RUNS = {
    ("dogfight", "dev"): {"learner": ""},
    ("dogfight", "prod"): {"learner": ""},
    ("pursuit", "prod"): {"learner-pursuer": "pursuer", "learner-evader": "evader"},
}


PRESETS = {"dogfight": "quick", "pursuit": "default"}


def configuration(game: str) -> Path:
    return preset_file(game, PRESETS[game])


def rendered(folder: Path, game: str, overlay: str) -> list[dict[str, Any]]:
    command = ["k8s", "render", game, "--preset", PRESETS[game], "--run", "duel-1", "--overlay", overlay]
    assert ludus([*command, "--deploy", str(ROOT / "deploy" / "k8s"), "--output", str(folder)]) == 0
    return render(folder)


@pytest.fixture(scope="module", params=RUNS, ids="-".join)
def shape(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture(scope="module")
def manifests(shape: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return rendered(tmp_path_factory.mktemp("k8s") / "out", *shape)


@pytest.fixture
def services(shape: tuple[str, str]) -> dict[str, str]:
    """The program of each workload."""
    return {name: name for name in SERVICES - {"learner"}} | dict.fromkeys(RUNS[shape], "learner")


def pods(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in manifests
        if document["kind"] in ("Deployment", "StatefulSet")
    }


def workload(manifests: list[dict[str, Any]], name: str, kind: str = "") -> dict[str, Any]:
    kinds = (kind,) if kind else ("Deployment", "StatefulSet")
    (found,) = [d for d in manifests if d["metadata"]["name"] == name and d["kind"] in kinds]
    return found


pytestmark = kubectl


def test_every_manifest_is_valid(manifests: list[dict[str, Any]]) -> None:
    for document in manifests:
        if document["kind"] not in CUSTOM:
            validate.validate(document, "1.31", strict=True)


def test_every_pod_is_restricted(manifests: list[dict[str, Any]], services: dict[str, str]) -> None:
    assert pods(manifests).keys() == services.keys() | {"nats"}
    for name, pod in pods(manifests).items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            locked = container["securityContext"]
            assert locked["readOnlyRootFilesystem"], name
            assert locked["allowPrivilegeEscalation"] is False, name
            assert locked["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= container["resources"].keys(), name
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name


def test_probes_ask_what_is_served_where_it_is_served(
    manifests: list[dict[str, Any]], services: dict[str, str]
) -> None:
    for name, program in services.items():
        (container,) = pods(manifests)[name]["containers"]
        options = _parser(program).parse_args(container["args"][1:])
        assert container["args"][0] == f"ludus-{program}"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["http"] == options.http_port
        assert ports.get("grpc", options.grpc_port) == options.grpc_port
        assert options.host == "0.0.0.0"  # so it is behind TLS: the service refuses anything else
        for probe, page in {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}.items():
            assert container[f"{probe}Probe"]["httpGet"] == {"path": page, "port": "http", "scheme": "HTTPS"}


def test_environment_names_keys_of_the_configuration(manifests: list[dict[str, Any]], services: dict[str, str]) -> None:
    for name in services:
        (container,) = pods(manifests)[name]["containers"]
        values = {entry["name"]: entry["value"] for entry in container["env"]}
        assert values["LUDUS__RUN"] == "duel-1"
        assert int(values["LUDUS__BUS__REPLICAS"]) == workload(manifests, "nats")["spec"]["replicas"] == 3
        for variable in values.keys() - {"NATS_URL"}:
            section: Any = RunConfig
            for key in variable.removeprefix(ENV_PREFIX).lower().split("__"):
                assert key in section.model_fields, variable
                section = section.model_fields[key].annotation


def test_services_are_given_time_to_drain_and_their_own_keys(
    manifests: list[dict[str, Any]], services: dict[str, str]
) -> None:
    for name, program in services.items():
        pod = pods(manifests)[name]
        assert pod["terminationGracePeriodSeconds"] > DRAIN_SECONDS
        secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert secrets == [f"ludus-{program}-keys"]


def test_one_learner_for_each_agent_and_never_two(shape: tuple[str, str], manifests: list[dict[str, Any]]) -> None:
    """Each a StatefulSet of one, which says whose it is, and whose pods no other one counts as its own."""
    config = load(configuration(shape[0]), environment={})
    learners = RUNS[shape]
    if len(learners) > 1:
        assert tuple(learners.values()) == config.agent_names
    selectors = []
    for name, agent in learners.items():
        spec = workload(manifests, name, "StatefulSet")["spec"]
        assert (spec["replicas"], spec["serviceName"]) == (1, name)
        (container,) = spec["template"]["spec"]["containers"]
        assert _parser("learner").parse_args(container["args"][1:]).agent == (agent or None)
        labels = spec["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "learner", "policies and budgets select by it"
        assert labels.get("ludus/agent", "") == agent
        selectors.append(spec["selector"]["matchLabels"])
        assert selectors[-1].items() <= labels.items()
    assert len({json.dumps(selector, sort_keys=True) for selector in selectors}) == len(learners)


def test_the_configuration_is_that_of_the_run(shape: tuple[str, str], manifests: list[dict[str, Any]]) -> None:
    (found,) = [d for d in manifests if d["kind"] == "ConfigMap"]
    assert found["data"]["run.toml"] == configuration(shape[0]).read_text()


def test_services_find_their_pods_and_ports(manifests: list[dict[str, Any]]) -> None:
    for service in (d for d in manifests if d["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        workloads = [d for d in manifests if d["kind"] in ("Deployment", "StatefulSet")]
        (found,) = [d for d in workloads if wanted <= d["spec"]["template"]["metadata"]["labels"].items()]
        (container,) = found["spec"]["template"]["spec"]["containers"]
        named = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert {p["targetPort"]: p["port"] for p in service["spec"]["ports"]} == named


def test_the_scaler_follows_tickets_that_exist(manifests: list[dict[str, Any]]) -> None:
    for scaler in (d for d in manifests if d["kind"] == "ScaledObject"):
        (trigger,) = scaler["spec"]["triggers"]
        assert scaler["spec"].keys() <= SCALER_KEYS["spec"]
        assert trigger["metadata"].keys() <= SCALER_KEYS["metadata"]
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        durable = consumer_config(CONSUMERS["simulator"], "duel-1", TRAIN_POOL)["durable_name"]
        assert (trigger["metadata"]["stream"], trigger["metadata"]["consumer"]) == ("TICKETS_duel-1", durable)
        may = permissions("simulator", "duel-1", ["main"]).publish
        assert f"$JS.API.CONSUMER.MSG.NEXT.{TICKETS.stream_name('duel-1')}.{durable}" in may
        assert "simulator" in TICKETS.consumers
        assert "replicas" not in workload(manifests, "simulator")["spec"]


def test_three_nats_servers_know_one_another_by_what_the_commands_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands that `render` prints are carried out; their configuration fits the manifest."""
    manifests = rendered(tmp_path / "k8s", "pursuit", "dev")
    commands = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ludus([*next(c for c in commands if c[0] == "ludus")[1:], "--output", str(tmp_path / "keys")]) == 0
    nats = workload(manifests, "nats", "StatefulSet")
    (container,) = nats["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    made = json.loads((tmp_path / "keys" / "nats.conf").read_text())
    hosts = [f"nats-{i}.{nats['spec']['serviceName']}" for i in range(nats["spec"]["replicas"])]
    assert made["cluster"]["routes"] == [f"nats://{host}:{ports['cluster']}" for host in hosts]
    assert made["cluster"]["listen"] == f"0.0.0.0:{ports['cluster']}"
    assert (made["port"], made["jetstream"]["sync_interval"]) == (ports["client"], "always")
    assert container["args"][2:] == ["--name", "$(POD_NAME)"]
    assert container["env"][0]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (secret,) = [c for c in commands if "ludus-nats-keys" in c]
    given = {Path(word.partition("=")[2]) for word in secret if word.startswith("--from-file")}
    assert all((tmp_path / file).is_file() for file in given)
    named = json.dumps(made)
    assert {file.name for file in given} == {"nats.conf", *re.findall(r"/keys/([a-z.-]+)", named)}
    learner = permissions("learner", "duel-1", ["pursuer", "evader"])
    granted = [user["permissions"] for user in made["authorization"]["users"]]
    assert learner.as_config() in granted, "the consumers of both agents"


def test_a_folder_that_names_no_learner(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy" / "k8s", tmp_path / "mine")
    (tmp_path / "mine" / "base" / "kustomization.yaml").write_text("resources: []\n")
    command = ["k8s", "render", "pursuit", "--run", "two", "--deploy", str(tmp_path / "mine")]
    assert ludus([*command, "--output", str(tmp_path / "out")]) == 2
    assert "names no learner" in capsys.readouterr().err


def test_the_gpu_component_finds_the_learner_of_every_agent(tmp_path: Path) -> None:
    rendered(tmp_path, "pursuit", "dev")
    tree = json.loads((tmp_path / "kustomization.yaml").read_text()) | {"components": ["deploy/components/gpu"]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(tree))
    found = pods(render(tmp_path))
    for name in ("learner-pursuer", "learner-evader"):
        assert found[name]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
