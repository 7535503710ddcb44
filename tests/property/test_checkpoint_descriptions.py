"""A description that is signed and yet says nonsense: it is refused in its own words, and nothing of it comes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ludus.learner import checkpoint
from ludus.learner.checkpoint import CorruptCheckpoint, Proof
from ludus.learner.register import Register
from ludus.learner.state import State
from ludus.play.architecture import ArchitectureMismatch

from ..unit.learner_kit import ARCHITECTURE, MANIFEST, SIGNER, config

NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


def fresh(seed: int) -> State:
    return State(ARCHITECTURE, config().learner, torch.float32, seed=seed)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = fresh(1)
    state.counters.epoch, state.counters.step = 1, 7
    return checkpoint.write(tmp_path_factory.mktemp("signed"), state, MANIFEST, signer=SIGNER).path


def paths(tree: Any) -> list[tuple[str, ...]]:
    if not isinstance(tree, dict):
        return [()]
    return [()] + [(key, *rest) for key, inner in tree.items() for rest in paths(inner)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_part_replaced_by_anything(saved: Path, data: st.DataObject) -> None:
    good = (saved / "state.json").read_bytes()
    tree = json.loads(good)
    *parents, key = data.draw(st.sampled_from([path for path in paths(tree) if path]))
    node = tree
    for parent in parents:
        node = node[parent]
    if data.draw(st.booleans()):
        node[key] = data.draw(NONSENSE)
    else:
        del node[key]
    text = json.dumps(tree).encode()
    state = fresh(2)
    before, counters = state.remember(), state.counters
    (saved / "state.json").write_bytes(text)
    (saved / "state.sig").write_bytes(SIGNER.sign(text))
    try:
        checkpoint.load(saved, state, MANIFEST, Proof(SIGNER, "main", Register()))
        assert (state.counters.epoch, state.counters.step) == (1, 7)
        assert all(type(value) in (int, float) for value in vars_of(state).values())
    except (CorruptCheckpoint, ArchitectureMismatch):
        assert state.counters is counters
        assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())
    finally:
        (saved / "state.json").write_bytes(good)


def vars_of(state: State) -> dict[str, Any]:
    return {name: getattr(state.counters, name) for name in state.counters.__slots__}
