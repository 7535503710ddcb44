"""What others build on does not change by accident: subjects, protobuf field numbers, metric names, configuration keys.

After a deliberate change: `python tests/architecture/test_frozen_surfaces.py`, and say so in the changelog.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel

from ludus.kernel.config import RunConfig
from ludus.kernel.metrics import METRICS
from ludus.kernel.topology import CONSUMERS, STREAMS

SNAPSHOT = Path(__file__).with_name("surfaces.json")
PROTOS = (
    "deadletter",
    "event",
    "health",
    "lockstep",
    "match",
    "policy",
    "role",
    "rollout",
    "run",
    "services",
    "standings",
    "tensor",
)


def subjects() -> dict[str, Any]:
    streams = {s.name: [s.subject, s.storage, s.retention, s.discard, s.message] for s in STREAMS}
    return {**streams, "consumers": {name: consumer.stream.name for name, consumer in CONSUMERS.items()}}


def fields() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for proto in PROTOS:
        module = import_module(f"ludus.api.v1.{proto}_pb2")
        for name, message in sorted(module.DESCRIPTOR.message_types_by_name.items()):
            found[name] = _fields(message)
        for name, enum in sorted(module.DESCRIPTOR.enum_types_by_name.items()):
            found[name] = {value.name: value.number for value in enum.values}
        for name, service in sorted(module.DESCRIPTOR.services_by_name.items()):
            found[name] = {m.name: f"{m.input_type.name} -> {m.output_type.name}" for m in service.methods}
    return found


def _fields(message: Descriptor) -> dict[str, str]:
    def kind(field: Any) -> str:
        named = field.message_type or field.enum_type
        return named.name if named else str(field.type)

    return {f.name: f"{f.number} {kind(f)}{' repeated' if f.is_repeated else ''}" for f in message.fields}


def metrics() -> dict[str, Any]:
    return {metric.name: [metric.kind, metric.unit, list(metric.labels)] for metric in METRICS}


def keys(model: type[BaseModel] = RunConfig, prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        sections = [a for a in inner if issubclass(a, BaseModel)]
        found += keys(sections[0], f"{prefix}{name}.") if sections else [prefix + name]
    return found


SURFACES = {"subjects": subjects, "fields": fields, "metrics": metrics, "keys": keys}


def test_every_proto_file_is_covered() -> None:
    root = Path(__file__).resolve().parents[2] / "protos" / "ludus" / "api" / "v1"
    assert {path.stem for path in root.glob("*.proto")} == set(PROTOS)


@pytest.mark.parametrize("surface", SURFACES)
def test_surface_is_as_written_down(surface: str) -> None:
    expected = json.loads(SNAPSHOT.read_text())[surface]
    assert json.loads(json.dumps(SURFACES[surface]())) == expected


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps({name: make() for name, make in SURFACES.items()}, indent=1, sort_keys=True) + "\n")
