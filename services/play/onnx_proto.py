"""What is inside an ONNX model: every graph, node and tensor, subgraphs and functions too."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import onnx


def parse(data: bytes) -> onnx.ModelProto:
    """Raises ValueError for bytes that are not a model."""
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors differ with its implementation
        raise ValueError(str(error).strip()[:120] or type(error).__name__) from error


def count_parameters(model: onnx.ModelProto) -> int:
    """Elements of all initialisers and of all constant attributes."""
    sparse = sum(prod(one.values.dims) for graph in graphs(model) for one in graph.sparse_initializer)
    numbers = sum(_bare_numbers(node) for node in nodes(model))
    return sparse + numbers + sum(max(0, prod(tensor.dims)) for tensor in tensors(model))


def has_external_data(model: onnx.ModelProto) -> bool:
    """Whether weights are in other files: those were not checked, and their paths are not ours to open."""
    outside = onnx.TensorProto.EXTERNAL
    return any(tensor.data_location == outside or tensor.external_data for tensor in tensors(model))


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Initialisers and tensor attributes."""
    for graph in graphs(model):
        yield from graph.initializer
    for node in nodes(model):
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors
            yield from ([attribute.sparse_tensor.values] if attribute.HasField("sparse_tensor") else [])


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for graph in graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph, then every one inside nodes of it and of functions."""
    yield from _with_inner(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _inside(node)


def _with_inner(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        yield from _inside(node)


def _inside(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _with_inner(graph)


def _bare_numbers(node: onnx.NodeProto) -> int:
    """Constants that a node holds as plain lists instead of a tensor."""
    if node.op_type != "Constant":
        return 0
    return sum(max(1, len(one.floats) + len(one.ints)) for one in node.attribute if one.name.startswith("value_"))
