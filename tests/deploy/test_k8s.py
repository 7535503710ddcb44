"""Manifests of Kubernetes: rendered, validated strictly, and every name in them is one that the program knows."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ludus.app.cli import run as ludus
from ludus.kernel.config import ENV_PREFIX, RunConfig
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


@pytest.fixture(scope="module", params=["dev", "prod"])
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("k8s") / "out"
    command = ["k8s", "render", "dogfight", "--preset", "quick", "--run", "duel-1", "--overlay", request.param]
    assert ludus([*command, "--deploy", str(ROOT / "deploy" / "k8s"), "--output", str(folder)]) == 0
    return render(folder)


def pods(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in manifests
        if document["kind"] in ("Deployment", "StatefulSet")
    }


pytestmark = kubectl


def test_every_manifest_is_valid(manifests: list[dict[str, Any]]) -> None:
    for document in manifests:
        if document["kind"] not in CUSTOM:
            validate.validate(document, "1.31", strict=True)


def test_every_pod_is_restricted(manifests: list[dict[str, Any]]) -> None:
    assert pods(manifests).keys() == SERVICES | {"nats"}
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


def test_probes_ask_what_is_served_where_it_is_served(manifests: list[dict[str, Any]]) -> None:
    for name in SERVICES:
        (container,) = pods(manifests)[name]["containers"]
        options = _parser(name).parse_args(container["args"][1:])
        assert container["args"][0] == f"ludus-{name}"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["http"] == options.http_port
        assert ports.get("grpc", options.grpc_port) == options.grpc_port
        assert options.host == "0.0.0.0"  # so it is behind TLS: the service refuses anything else
        for probe, page in {"liveness": "/healthz", "readiness": "/readyz", "startup": "/healthz"}.items():
            assert container[f"{probe}Probe"]["httpGet"] == {"path": page, "port": "http", "scheme": "HTTPS"}


def test_environment_names_keys_of_the_configuration(manifests: list[dict[str, Any]]) -> None:
    for name in SERVICES:
        (container,) = pods(manifests)[name]["containers"]
        values = {entry["name"]: entry["value"] for entry in container["env"]}
        assert values["LUDUS__RUN"] == "duel-1"
        for variable in values.keys() - {"NATS_URL"}:
            section: Any = RunConfig
            for key in variable.removeprefix(ENV_PREFIX).lower().split("__"):
                assert key in section.model_fields, variable
                section = section.model_fields[key].annotation


def test_services_are_given_time_to_drain_and_their_own_keys(manifests: list[dict[str, Any]]) -> None:
    for name in SERVICES:
        pod = pods(manifests)[name]
        assert pod["terminationGracePeriodSeconds"] > DRAIN_SECONDS
        secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert secrets == [f"ludus-{name}-keys"]


def test_the_configuration_is_that_of_the_run(manifests: list[dict[str, Any]]) -> None:
    (found,) = [d for d in manifests if d["kind"] == "ConfigMap"]
    assert found["data"]["run.toml"] == (ROOT / "configs" / "dogfight-quick.toml").read_text()


def test_services_find_their_pods_and_ports(manifests: list[dict[str, Any]]) -> None:
    for service in (d for d in manifests if d["kind"] == "Service"):
        (container,) = pods(manifests)[service["spec"]["selector"]["app.kubernetes.io/name"]]["containers"]
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
        assert (
            "replicas"
            not in next(d for d in manifests if d["metadata"]["name"] == "simulator" and d["kind"] == "Deployment")[
                "spec"
            ]
        )


def test_a_run_with_several_agents_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["k8s", "render", "pursuit", "--run", "two", "--deploy", str(ROOT / "deploy" / "k8s")]
    assert ludus([*command, "--output", str(tmp_path)]) == 2
    assert "2 agents" in capsys.readouterr().err
