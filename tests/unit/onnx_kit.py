"""Small policies, and ONNX files with one thing wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ludus.games import spec
from ludus.kernel.config import NetworkConfig
from ludus.play.architecture import Architecture
from ludus.play.network import Actor
from ludus.play.weights import Manifest, to_bytes

# Two threads on a few hundred rows spend their time waiting for each other.
torch.set_num_threads(1)


def policy(
    observation: str = "egocentric", seed: int = 1, strength: float = 100, rules: str = "training", **network: Any
) -> tuple[Actor, Manifest]:
    """An untrained actor whose head is strong enough to steer; ten times that reaches the clamps."""
    config = NetworkConfig.model_validate({"hidden": 16, **network})
    architecture = Architecture.of(spec("dogfight"), rules, observation, config)
    actor = Actor(architecture, generator=torch.Generator().manual_seed(seed)).requires_grad_(False)
    actor.head.weight.mul_(strength)
    if actor.trunk.standardise is not None:
        actor.trunk.standardise.mean.uniform_(-0.5, 0.5)
        actor.trunk.standardise.scale.uniform_(0.5, 20)
    return actor, Manifest(architecture, "main", 1, 5, "dogfight", rules, observation, decisions=77)


def weights_file(path: Path, observation: str = "egocentric", seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(*policy(observation, seed)))
    return path


def linear(
    inputs: int = 46,
    outputs: int = 3,
    *,
    rows: int | str = "n",
    kind: int = TensorProto.FLOAT,
    bias: float = 0.5,
    extra: int = 0,
) -> onnx.ModelProto:
    """obs @ 0 + bias, the smallest submission there is. `extra`: parameters nobody uses."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    tensors = [
        numpy_helper.from_array(np.zeros((inputs, outputs), dtype), "w"),
        numpy_helper.from_array(np.full(outputs, bias, dtype), "b"),
    ]
    if extra:
        tensors.append(numpy_helper.from_array(np.zeros(extra, np.uint8), "extra"))
    body = helper.make_graph(
        [helper.make_node("MatMul", ["obs", "w"], ["product"]), helper.make_node("Add", ["product", "b"], ["action"])],
        "linear",
        [helper.make_tensor_value_info("obs", kind, [rows, inputs])],
        [helper.make_tensor_value_info("action", kind, [rows, outputs])],
        tensors,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model
