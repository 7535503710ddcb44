"""Weights written for others as an ONNX file beside them."""

from __future__ import annotations

from pathlib import Path

from ..kernel.files import write_atomically
from ..play.weights import from_bytes
from .errors import CommandError, UsageError
from .extras import need


def export_onnx(weights: Path) -> str:
    """Write WEIGHTS.onnx; says what became of it. Raises CommandError if the disk does not take it."""
    try:
        need("export")
    except UsageError as error:
        return f"not written: {error}"
    from ..play.onnx_graph import actor_model
    from ..play.onnx_runtime import BadModel
    from ..play.parity import ParityError, check_parity

    try:
        actor, manifest = from_bytes(weights.read_bytes())
        data = actor_model(actor, manifest)
        parity = check_parity(data, actor, manifest)
        write_atomically(weights.with_suffix(".onnx"), data, durable=True)
    except (BadModel, ParityError, ValueError) as error:
        return f"not written: {error}"
    except OSError as error:
        raise CommandError(f"cannot write beside {weights}: {error.strerror}") from error
    return f"for `--guest` and `ludus tournament`; differs from the weights by at most {parity.worst:.1e}"
