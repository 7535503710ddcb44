"""An exported file answers like the actor it was made from; the contract is checked on whatever file comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ludus.games import make, spec
from ludus.play import parity
from ludus.play.contract import MAX_BYTES, MAX_PARAMETERS, Check, checks, examine, problems
from ludus.play.egocentric import FEATURES, KEPT, EgocentricFeatures
from ludus.play.fixed import DeployedActor
from ludus.play.onnx_graph import actor_model
from ludus.play.onnx_policy import OnnxPolicy
from ludus.play.onnx_proto import count_parameters
from ludus.play.onnx_runtime import BadModel, infer, open_session
from ludus.play.parity import ParityError, check_parity, real_observations

from .onnx_kit import linear, policy

NETWORKS = {
    "plain": ("egocentric", {}),
    "blocks": ("egocentric", {"blocks": 2}),
    "tanh": ("egocentric", {"activation": "tanh", "blocks": 1}),
    "original": ("original", {}),
    "standardised": ("egocentric", {"normalise_observations": True, "critic_hidden": 8}),
    "wide": ("egocentric", {"hidden": 256}),
    "competition": ("egocentric", {"rules": "competition"}),
    "frames": ("original", {"rules": "competition", "blocks": 1}),
}


@pytest.mark.parametrize("rules", ["training", "competition"])
def test_features_are_those_of_the_game(rules: str) -> None:
    raw, seen = real_observations(*policy(rules=rules), 8000, seed=3)
    found = EgocentricFeatures(rules)(torch.from_numpy(raw)).numpy()
    assert found.shape == (8000, FEATURES)
    assert np.array_equal(raw[:, : KEPT[rules]], seen[:, : KEPT[rules]])
    assert np.abs(found - seen[:, KEPT[rules] :]).max() <= 1e-5
    assert 0.02 < (seen[:, -1] > 0).mean() < 0.98, "with and without an enemy bullet in sight"


def test_features_of_random_states_with_bullets_of_both_sides() -> None:
    game = make("dogfight", batch=64, seed=11, observation="egocentric", autoreset="disabled")
    game.seat_bots(0, "brawler")
    game.seat_bots(1, "ace")
    game.reset()
    kept = [game.step(np.zeros((64, 2, 3), np.float32))[0].reshape(128, -1).copy() for _ in range(200)]
    seen = np.concatenate(kept)
    found = EgocentricFeatures("training")(torch.from_numpy(seen)).numpy()
    assert len(seen) == 25_600
    assert np.abs(found - seen[:, KEPT["training"] :]).max() <= 1e-5


@pytest.mark.parametrize("case", NETWORKS)
def test_the_file_answers_like_the_actor(case: str) -> None:
    observation, network = NETWORKS[case]
    actor, manifest = policy(observation, **network)
    data = actor_model(actor, manifest)
    found = check_parity(data, actor, manifest)
    assert found.rows == 10_000
    assert found.worst <= 1e-5
    assert problems(data, manifest.rules) == []


def test_the_file_clamps_means_and_leaves_the_logit() -> None:
    actor, manifest = policy(strength=1000)
    raw, _ = real_observations(actor, manifest, 2000, seed=5)
    answer = infer(open_session(actor_model(actor, manifest)), raw)
    assert answer[:, 0].min() == -1.0
    assert answer[:, 0].max() == 1.0
    assert answer[:, 1].min() == 0.0
    assert answer[:, 1].max() == 1.0
    assert np.abs(answer[:, 2]).max() > 1.0


def test_equal_weights_give_equal_bytes_and_the_file_says_who_it_is() -> None:
    actor, manifest = policy()
    data = actor_model(actor, manifest)
    assert data == actor_model(*policy())
    assert data != actor_model(*policy(seed=2))
    model = onnx.load_model_from_string(data)
    assert {one.key: one.value for one in model.metadata_props}["ludus"] == manifest.to_json()
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]


def test_a_file_that_differs_is_refused() -> None:
    actor, manifest = policy()
    other, _ = policy(seed=2)
    with pytest.raises(ParityError, match="Nothing was written"):
        check_parity(actor_model(other, manifest), actor, manifest, rows=500)
    broken = policy()[0]
    broken.head.bias.fill_(float("nan"))
    with pytest.raises(ParityError, match="finite"):
        check_parity(actor_model(broken, manifest), actor, manifest, rows=500)
    assert parity.TOLERANCE == 1e-5


def test_an_unknown_layout_is_refused() -> None:
    actor, manifest = policy()
    manifest = replace(manifest, observation="egocentric+config")
    with pytest.raises(ValueError, match=r"observation 'egocentric\+config'.*expected 'original'"):
        DeployedActor(actor, manifest)


def broken_shape() -> onnx.ModelProto:
    """Declares three actions and answers with one row too many."""
    model = linear()
    model.graph.node.append(helper.make_node("Concat", ["action", "action"], ["twice"], axis=0))
    model.graph.output[0].name = "twice"
    return model


def random_answers() -> onnx.ModelProto:
    model = linear()
    model.graph.node.insert(0, helper.make_node("RandomUniformLike", ["obs"], ["noise"]))
    model.graph.node[1].input[0] = "noise"
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((46, 3), np.float32), "w"))
    return model


def external() -> onnx.ModelProto:
    model = linear()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/etc/passwd")
    return model


def steering_name() -> onnx.ModelProto:
    model = linear(45)
    model.graph.input[0].name = model.graph.node[0].input[0] = "\x1b[2Jobs"
    return model


def unknown_operator() -> onnx.ModelProto:
    model = linear()
    model.graph.node[0].op_type = "MatMull"
    return model


BAD: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "input width": (lambda: linear(45), r"input: obs float32 \[n, 45\]; expected float32 \[1 or n, 46\]"),
    "competition width": (lambda: linear(224), r"that of --rules competition"),
    "output width": (lambda: linear(46, 4), r"output: action float32 \[n, 4\]; expected float32 \[1 or n, 3\]"),
    "fixed rows": (lambda: linear(rows=5), r"input: obs float32 \[5, 46\]"),
    "double": (lambda: linear(kind=TensorProto.DOUBLE), r"tensor\(double\)"),
    "parameters": (lambda: linear(extra=MAX_PARAMETERS), r"parameters: 250,141; expected at most 250,000"),
    "size": (lambda: linear(extra=MAX_BYTES), r"size: 10,00"),
    "not finite": (lambda: linear(bias=float("nan")), r"answers: not finite"),
    "rows": (broken_shape, r"answers: expected 7 rows of answers, found 14"),
    "random": (random_answers, r"stateless: answers change"),
    "external": (external, r"loads: its weights are in other files"),
    "escape": (steering_name, r"input: \?\[2Jobs float32"),
    "operator": (unknown_operator, r"loads: ONNX Runtime refuses it"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_breaks_the_contract_is_named(case: str) -> None:
    build, expected = BAD[case]
    data = build().SerializeToString()
    with pytest.raises(BadModel, match=expected):
        OnnxPolicy(data, spec("dogfight"), "training")


def test_every_truncation_and_scratch_is_survived() -> None:
    data = bytearray(actor_model(*policy()))
    random = np.random.default_rng(1)
    for cut in random.integers(0, len(data), 20):
        assert problems(bytes(data[:cut]), "training")
    for place in random.integers(0, len(data), 60):
        scratched = bytes(data[:place]) + bytes([data[place] ^ 0xFF]) + bytes(data[place + 1 :])
        assert all(isinstance(one, Check) for one in checks(scratched, "training"))


def test_an_oversized_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    (only,) = examine(path, "training")
    assert (only.ok, only.what, only.found) == (False, "size", "10,000,001 bytes")


def test_parameters_count_constants_and_subgraphs() -> None:
    model = linear()
    assert count_parameters(model) == 46 * 3 + 3
    constant = numpy_helper.from_array(np.zeros((2, 5), np.float32), "c")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=constant))
    model.graph.node.append(helper.make_node("Constant", [], ["f"], value_floats=[1.0, 2.0]))
    model.graph.node.append(helper.make_node("Constant", [], ["g"], value_float=1.0))
    inner = helper.make_graph([], "inner", [], [], [numpy_helper.from_array(np.zeros(7, np.float32), "i")])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))
    assert count_parameters(model) == 141 + 10 + 2 + 1 + 14


@pytest.mark.parametrize("rows", [1, "n"])
def test_a_foreign_file_plays_and_bad_answers_are_no_action(rows: int | str) -> None:
    made = OnnxPolicy(linear(rows=rows).SerializeToString(), spec("dogfight"), "training")
    means, logits = made(torch.rand(6, 66))
    assert means.tolist() == [[0.5, 0.5]] * 6
    assert logits.tolist() == [[0.5]] * 6
    bad = torch.rand(4, 46)
    bad[2, 7] = float("inf")
    means, logits = made(bad)
    assert means[2].tolist() == [0.0, 0.0]
    assert means[1].tolist() == [0.5, 0.5]
