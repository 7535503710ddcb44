"""A trained actor as an ONNX graph, node by node: equal weights give equal bytes.

Input `obs` float32 [n, D], output `action` float32 [n, C + L]: clamped means, then raw logits, one per Bernoulli
component and one per choice of each categorical component. Opset 17 is the oldest with LayerNormalization, and IR 8
goes with it, so runtimes since 2022 read the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from .. import __version__
from ..games.registry import spec
from .egocentric import features
from .fixed import DeployedActor
from .network import OBSERVATION_LIMIT, Actor, Dense, Residual
from .weights import MANIFEST_KEY, Manifest

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "obs", "action"


class Node:
    """The name of one result in the graph; arithmetic with it adds nodes."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __add__(self, other: Node | float) -> Node:
        return self.graph.add("Add", self, other)

    def __sub__(self, other: Node | float) -> Node:
        return self.graph.add("Sub", self, other)

    def __mul__(self, other: Node | float) -> Node:
        return self.graph.add("Mul", self, other)

    def __truediv__(self, other: Node | float) -> Node:
        return self.graph.add("Div", self, other)

    def __neg__(self) -> Node:
        return self.graph.add("Neg", self)


class Graph:
    """Nodes and initialisers in the order they were added. Has the operations the egocentric features need."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._numbers: dict[float, Node] = {}

    def add(self, kind: str, *inputs: Node | float | None, outputs: int = 1, **attributes: Any) -> Node:
        """One node with one result."""
        return self.split(kind, *inputs, outputs=outputs, **attributes)[0]

    def split(self, kind: str, *inputs: Node | float | None, outputs: int, **attributes: Any) -> list[Node]:
        """One node with several results."""
        names = [f"{kind}_{len(self.nodes)}_{k}" for k in range(outputs)]
        given = ["" if one is None else self._node(one).name for one in inputs]
        self.nodes.append(helper.make_node(kind, given, names, **attributes))
        return [Node(self, name) for name in names]

    def weight(self, name: str, tensor: Tensor) -> Node:
        """An initialiser of the graph."""
        self.initializers.append(numpy_helper.from_array(tensor.detach().cpu().float().numpy(), name))
        return Node(self, name)

    def _node(self, value: Node | float) -> Node:
        if isinstance(value, Node):
            return value
        if value not in self._numbers:
            name = f"number_{len(self._numbers)}"
            self.initializers.append(numpy_helper.from_array(np.array(value, np.float32), name))
            self._numbers[value] = Node(self, name)
        return self._numbers[value]

    def sqrt(self, x: Node) -> Node:
        return self.add("Sqrt", x)

    def exp(self, x: Node) -> Node:
        return self.add("Exp", x)

    def abs(self, x: Node) -> Node:
        return self.add("Abs", x)

    def clip(self, x: Node, low: float | None, high: float | None) -> Node:
        return self.add("Clip", x, *([low] if high is None else [low, high]))

    def less(self, x: Node, bound: float) -> Node:
        return self.add("Less", x, bound)

    def greater(self, x: Node, bound: float) -> Node:
        return self.add("Greater", x, bound)

    def both(self, a: Node, b: Node) -> Node:
        return self.add("And", a, b)

    def where(self, condition: Node, then: Node, otherwise: Node | float) -> Node:
        return self.add("Where", condition, then, otherwise)


def actor_model(actor: Actor, manifest: Manifest) -> bytes:
    """The file. Raises ValueError for an observation layout that cannot be computed from the raw one."""
    deployed = DeployedActor(actor, manifest)
    graph = Graph()
    x = Node(graph, INPUT)
    if (derived := deployed.features) is not None:
        columns = graph.split("Split", x, outputs=deployed.raw_size, axis=1)
        computed = features([columns[k] for k in derived.places], graph)
        x = graph.add("Concat", *columns[: derived.kept], *computed, axis=1)
    out = _dense(graph, "head", actor.head, _trunk(graph, actor, x))
    _finish(graph, out, deployed)
    return _model(graph, manifest, deployed.raw_size, actor.architecture.head_size)


def _trunk(graph: Graph, actor: Actor, x: Node) -> Node:
    trunk, activation = actor.trunk, "Tanh" if actor.architecture.activation == "tanh" else "Relu"
    if trunk.standardise is not None:
        mean, scale = (graph.weight(f"standardise.{k}", getattr(trunk.standardise, k)) for k in ("mean", "scale"))
        x = graph.clip((x - mean) * scale, -OBSERVATION_LIMIT, OBSERVATION_LIMIT)
    x = graph.add(activation, _dense(graph, "input", trunk.input, x))
    if trunk.hidden is not None:
        x = graph.add(activation, _dense(graph, "hidden", trunk.hidden, x))
    for index, block in enumerate(trunk.blocks):
        assert isinstance(block, Residual)
        norm = f"norm{index}"
        scale, bias = graph.weight(f"{norm}.weight", block.norm.weight), graph.weight(f"{norm}.bias", block.norm.bias)
        inner = graph.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=block.norm.eps)
        inner = graph.add(activation, _dense(graph, f"inner{index}", block.inner, inner))
        x = x + _dense(graph, f"outer{index}", block.outer, inner)
    return x


def _dense(graph: Graph, name: str, layer: Dense, x: Node) -> Node:
    weight, bias = graph.weight(f"{name}.weight", layer.weight), graph.weight(f"{name}.bias", layer.bias)
    return graph.add("Gemm", x, weight, bias, transB=1)


def _finish(graph: Graph, out: Node, deployed: DeployedActor) -> None:
    """Clamp the means, leave the logits, join them under the output's name."""
    size = deployed.actor.architecture.head_size
    columns = graph.split("Split", out, outputs=size, axis=1)
    for index, limit in enumerate(deployed.limits):
        columns[index] = graph.clip(columns[index], *limit)
    graph.nodes.append(helper.make_node("Concat", [column.name for column in columns], [OUTPUT], axis=1))


def _model(graph: Graph, manifest: Manifest, inputs: int, outputs: int) -> bytes:
    """Put together and checked. `n`, the number of rows, is free."""
    body = helper.make_graph(
        graph.nodes,
        f"{manifest.game}-{manifest.rules}",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", inputs])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", outputs])],
        graph.initializers,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opset, producer_name="ludus", producer_version=__version__)
    model.ir_version = IR_VERSION
    helper.set_model_props(model, {MANIFEST_KEY: manifest.to_json(), "actions": ",".join(_names(manifest))})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _names(manifest: Manifest) -> tuple[str, ...]:
    """What each output column is; those of a categorical component are `name=choice`."""
    action = spec(manifest.game).action
    choices = (f"{name}={choice}" for name, count in action.categorical.items() for choice in range(count))
    return (*action.continuous, *action.binary, *choices)
