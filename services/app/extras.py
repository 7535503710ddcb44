"""Packages that only some commands need: asked for before anything is done."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import UsageError

#: Extra of pyproject.toml -> modules that come with it.
EXTRAS = {
    "local": ("torch", "safetensors", "warp"),
    "export": ("onnx", "onnxruntime"),
    "redis": ("redis",),
    "cluster": ("cryptography", "nkeys"),
    "openskill": ("openskill",),
    "grafana": ("grafana_client",),
}


def need(*extras: str) -> None:
    """Raises UsageError naming what is not installed and the command that installs it."""
    missing = {extra: [name for name in EXTRAS[extra] if find_spec(name) is None] for extra in extras}
    names = [name for modules in missing.values() for name in modules]
    if names:
        wanted = ",".join(extra for extra, modules in missing.items() if modules)
        raise UsageError(f"{', '.join(names)} not installed: pip install 'ludus[{wanted}]'")
