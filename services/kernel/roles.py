"""Who may call which gRPC method, from the descriptors: what a method does not state in `option (role)` is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2

from ..api.v1 import role_pb2

ROLE_URI, RUN_URI = "ludus:role/", "ludus:run/"
ROLES = {"viewer": role_pb2.ROLE_VIEWER, "operator": role_pb2.ROLE_OPERATOR, "admin": role_pb2.ROLE_ADMIN}
#: Health is not ours to annotate: whoever may look may ask for it.
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a certificate, as far as it says."""

    name: str
    role: str
    run: str

    def may(self, needed: int | None, run: str) -> str:
        """ "" if it may do what `needed` stands for in this run, otherwise why not."""
        if needed is None or needed not in ROLES.values():
            return "nobody may call this method"
        if self.role not in ROLES:
            return f"the certificate of {self.name!r} states no role: expected one of {', '.join(ROLES)}"
        if self.run != run:
            return f"the certificate of {self.name!r} is for the run {self.run!r}, this is {run!r}"
        if ROLES[self.role] < needed:
            wanted = next(name for name, number in ROLES.items() if number == needed)
            return f"{self.name!r} is {self.role}; this takes {wanted}"
        return ""


def method_roles(services: Iterable[ServiceDescriptor]) -> Mapping[str, int]:
    """`/ludus.api.v1.ControlService/PauseRun` -> the least role that may call it."""
    found: dict[str, int] = {}
    extension: Any = role_pb2.role
    for service in services:
        for method in service.methods:
            role: int = method.GetOptions().Extensions[extension]
            if service.full_name == HEALTH.full_name:
                role = role_pb2.ROLE_VIEWER
            if role:
                found[f"/{service.full_name}/{method.name}"] = role
    return found


def caller_from(name: str, uris: Iterable[str]) -> Caller:
    """Of the common name and the URIs of a certificate."""
    stated = list(uris)

    def after(prefix: str) -> str:
        return next((uri.removeprefix(prefix) for uri in stated if uri.startswith(prefix)), "")

    return Caller(name, after(ROLE_URI), after(RUN_URI))


def caller_of(auth: Mapping[str, Any]) -> Caller | None:
    """Of a gRPC call's authentication context; None if it came without a certificate."""
    names = auth.get("x509_common_name")
    if not names:
        return None
    uris = [bytes(uri).decode(errors="replace") for uri in auth.get("x509_subject_alternative_name", ())]
    return caller_from(bytes(names[0]).decode(errors="replace"), uris)
