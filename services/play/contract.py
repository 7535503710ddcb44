"""The submission contract, and what a file has of it: one line per question.

A file is a stateless ONNX actor: float32 [1 or n, D] -> float32 [1 or n, 3], at most 10 MB and 250 000 parameters, of
which every element of initialisers and of tensor attributes is one, constants included. The contract is that of
benedictbrady/dogfight-challenge at 10a6b40; D is the size of the rule set's observation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from ..games.dogfight.constants import OBSERVATIONS
from .onnx_proto import count_parameters, has_external_data, nodes, parse
from .onnx_runtime import BadModel, infer, open_session

GAME = "dogfight"
#: Rule set -> floats in an observation.
WIDTHS = {rules: layouts["original"] for rules, layouts in OBSERVATIONS.items()}
ACTIONS = 3
MAX_BYTES = 10_000_000
MAX_PARAMETERS = 250_000
#: Rows of the random inputs tried, where the file takes any number.
_ROWS = 7
_LONGEST = 600
FLOAT = "tensor(float)"


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a file."""

    ok: bool
    what: str
    found: str
    wanted: str


def read_model(path: Path) -> bytes:
    """The bytes of a file that is small enough. Raises OSError; BadModel for an oversized or empty one, unread."""
    size = path.stat().st_size
    if not path.is_file():
        raise BadModel("not a regular file")
    if not 0 < size <= MAX_BYTES:
        raise BadModel(f"{size:,} bytes")
    return path.read_bytes()


def examine(path: Path, rules: str) -> Iterator[Check]:
    """`checks` of a file, which is not read if it is too large. Raises OSError."""
    try:
        data = read_model(path)
    except BadModel as error:
        yield Check(False, "size", str(error), f"1 to {MAX_BYTES:,} bytes")
        return
    yield from checks(data, rules)


def problems(data: bytes, rules: str) -> list[str]:
    """What keeps these bytes from being a submission; empty if nothing does."""
    return [f"{one.what}: {one.found}; expected {one.wanted}" for one in checks(data, rules) if not one.ok]


def likely_rules(data: bytes) -> str | None:
    """The rule set whose observation is as wide as the one input; None if no width fits or the bytes are no model."""
    try:
        graph = parse(data).graph
    except ValueError:
        return None
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    widths = [one.type.tensor_type.shape.dim[-1].dim_value for one in inputs if one.type.tensor_type.shape.dim]
    return next((rules for rules, width in WIDTHS.items() if widths == [width]), None)


def rules_question(path: Path) -> tuple[str, Check]:
    """The rule set that a file is for by the width of its input, or the first one, and a line that says so."""
    try:
        found = likely_rules(read_model(path))
    except BadModel:
        found = None
    rules = found or next(iter(WIDTHS))
    said = f"{rules}, by the width of its input" if found else f"{rules} assumed: the input fits no rule set"
    known = " or ".join(f"{name} ({width} floats)" for name, width in WIDTHS.items())
    return rules, Check(True, "rules", said, f"{known}; --rules R decides")


def checks(data: bytes, rules: str) -> Iterator[Check]:
    """Every question in turn; the rest is left out where an answer makes it pointless. Never raises for bad bytes."""
    for one in _questions(data, rules):
        # Names come from the file: they must not steer a terminal.
        found = "".join(letter if letter.isprintable() else "?" for letter in one.found[:_LONGEST])
        yield replace(one, found=found)


def _questions(data: bytes, rules: str) -> Iterator[Check]:
    yield Check(0 < len(data) <= MAX_BYTES, "size", f"{len(data):,} bytes", f"at most {MAX_BYTES:,}")
    if not 0 < len(data) <= MAX_BYTES:
        return
    try:
        model = parse(data)
    except ValueError as error:
        yield Check(False, "format", f"not readable: {error}", "an ONNX model")
        return
    yield from _inside(model)
    if has_external_data(model):
        yield Check(False, "loads", "its weights are in other files", "weights inside the model")
        return
    try:
        session = open_session(data)
    except BadModel as error:
        yield Check(False, "loads", str(error), "a model ONNX Runtime takes")
        return
    yield Check(True, "loads", f"in ONNX Runtime {ort.__version__}", "a model ONNX Runtime takes")
    shapes = list(_shapes(session, WIDTHS[rules]))
    yield from shapes
    if all(check.ok for check in shapes):
        yield from _answers(session, WIDTHS[rules])


def _inside(model: onnx.ModelProto) -> Iterator[Check]:
    opsets = ", ".join(f"{one.domain or 'ai.onnx'} {one.version}" for one in model.opset_import)
    readable = bool(model.graph.node)
    yield Check(readable, "format", f"ONNX IR {model.ir_version}, {opsets or 'no opset'}", "an ONNX model with nodes")
    count = count_parameters(model)
    yield Check(count <= MAX_PARAMETERS, "parameters", f"{count:,}", f"at most {MAX_PARAMETERS:,}")
    kinds = Counter(str(node.op_type) for node in nodes(model))
    yield Check(True, "operators", ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())) or "none", "any")


def _shapes(session: ort.InferenceSession, width: int) -> Iterator[Check]:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    yield Check(len(inputs) == 1, "inputs", ", ".join(one.name for one in inputs) or "none", "one")
    for what, found, size in (("input", inputs[:1], width), ("output", outputs[:1], ACTIONS)):
        wanted = f"float32 [1 or n, {size}]"
        if not found:
            yield Check(False, what, "none", wanted)
            continue
        shape, kind = list(found[0].shape), found[0].type
        fits = kind == FLOAT and len(shape) == 2 and _is_rows(shape[0]) and shape[1] == size
        hint = "" if fits or what != "input" else _hint(shape)
        yield Check(fits, what, f"{found[0].name} {_type_name(kind)} {_shape_text(shape)}{hint}", wanted)


def _answers(session: ort.InferenceSession, width: int) -> Iterator[Check]:
    """Inference on random observations: right shape, finite, and the same again."""
    rows = np.random.default_rng(0).uniform(-1, 1, (_ROWS, width)).astype(np.float32)
    wanted = f"finite float32 [{_ROWS}, {ACTIONS}]"
    try:
        first, second = infer(session, rows), infer(session, rows)
        one = infer(session, rows[:1])
    except BadModel as error:
        yield Check(False, "answers", str(error), wanted)
        return
    fits = first.shape == (_ROWS, ACTIONS) and bool(np.isfinite(first).all())
    yield Check(fits, "answers", f"{'finite' if fits else 'not finite or misshapen'}, {list(first.shape)}", wanted)
    same = np.array_equal(first, second) and np.allclose(first[:1], one, rtol=1e-3, atol=1e-4)
    yield Check(same, "stateless", "same input, same answer" if same else "answers change", "same input, same answer")


def _is_rows(dimension: object) -> bool:
    return dimension == 1 or not isinstance(dimension, int)


def _type_name(kind: str) -> str:
    return "float32" if kind == FLOAT else kind


def _shape_text(shape: Iterable[object]) -> str:
    return "[" + ", ".join(str(one) if isinstance(one, int) else str(one or "n") for one in shape) + "]"


def _hint(shape: list[object]) -> str:
    """Which rule set an input of this shape belongs to."""
    return next((f" (that of --rules {rules})" for rules, width in WIDTHS.items() if shape[-1:] == [width]), "")
