"""The end product of a run: the final actor as one file, with a manifest beside it that people can read."""

from __future__ import annotations

import json
from pathlib import Path

from ..kernel.files import write_atomically
from ..play.weights import Manifest
from .publisher import head_of

NAME = "final"


def export_final(directory: Path, data: bytes, manifest: Manifest) -> Path:
    """Write weights/final.safetensors and weights/final.json. Raises OSError."""
    head = head_of(data, manifest, None, pinned=True)
    path = directory / "weights" / f"{NAME}.safetensors"
    tree = {
        "file": path.name,
        "sha256": head.policy.sha256,
        "bytes": len(data),
        **json.loads(manifest.to_json()),
    }
    write_atomically(path, data, durable=True)
    write_atomically(path.with_suffix(".json"), (json.dumps(tree, indent=2) + "\n").encode(), durable=True)
    return path
