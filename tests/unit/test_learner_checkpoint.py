"""Checkpoints: whole or absent, verified, exact on resume."""

from __future__ import annotations

import errno
import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ludus.kernel.service import Fatal
from ludus.learner import checkpoint
from ludus.learner.checkpoint import CheckpointError, CorruptCheckpoint
from ludus.learner.state import State
from ludus.learner.vault import Vault
from ludus.play.architecture import ArchitectureMismatch
from ludus.play.weights import read_manifest

from .learner_kit import ARCHITECTURE, MANIFEST, SIGNER, batch, config, learner, slab


def fresh(seed: int = 99) -> State:
    return State(ARCHITECTURE, config().learner, torch.float32, seed=seed)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def saved_run(root: Path, steps: int) -> None:
    """Checkpoints of steps 0 … `steps` of epoch 1."""
    state, versions, updater = learner(config())
    for step in range(steps + 1):
        checkpoint.write(root, state, MANIFEST, pinned=step == 0)
        updater.update(batch(versions, step, seed=step))


def prune(root: Path, kept: int) -> None:
    for path in checkpoint.surplus(root, kept):
        checkpoint.remove(path)


def test_a_resumed_learner_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Six updates are the same as three, a checkpoint, a new process' state, and three more."""
    run = config(learning_rate_warmup_updates=4, max_lag=10, target_kl=1.0)
    slabs = [[slab(learner(run)[1][0], 0, 10 * k + i) for i in range(2)] for k in range(6)]
    state, versions, updater = learner(run)
    for k in range(6):
        assert updater.update(slabs[k]).committed
    straight = state.remember()

    first, versions, updater = learner(run)
    for k in range(3):
        updater.update(slabs[k])
    checkpoint.write(tmp_path, first, MANIFEST)
    second, versions, updater = learner(run, seed=77)
    saved = checkpoint.restore_newest(tmp_path, second, MANIFEST)
    assert saved is not None
    assert (saved.epoch, saved.step) == (1, 3)
    assert second.counters == first.counters
    versions.add(0, learner(run)[0].actor)  # the version that played the rollouts is still remembered
    versions.add(second.counters.step, second.actor)  # as the service does at its start
    for k in range(3, 6):
        updater.update(slabs[k])
    assert second.counters == state.counters
    for name, tensor in second.tensors().items():
        assert torch.equal(tensor, straight[name]), name
    assert torch.equal(second.generator.get_state(), state.generator.get_state())


def test_weights_in_a_checkpoint_say_what_they_are(tmp_path: Path) -> None:
    state, _, _ = learner(config())
    state.counters.step, state.counters.decisions = 12, 3456
    saved = checkpoint.write(tmp_path, state, MANIFEST)
    manifest = read_manifest((saved.path / "weights.safetensors").read_bytes())
    assert (manifest.epoch, manifest.step, manifest.decisions) == (1, 12, 3456)
    described = json.loads((saved.path / "state.json").read_text())
    assert described["counters"]["step"] == 12
    assert names(saved.path) == ["optimizer.safetensors", "state.json", "weights.safetensors"]


def test_pruning_keeps_the_newest_the_pinned_and_step_0(tmp_path: Path) -> None:
    state, _, _ = learner(config())
    for step in range(8):
        state.counters.step = step
        checkpoint.write(tmp_path, state, MANIFEST, pinned=step in (0, 3))
    prune(tmp_path, 2)
    assert names(tmp_path) == ["1-0", "1-3", "1-6", "1-7"]
    state.counters.epoch, state.counters.step = 2, 5
    checkpoint.write(tmp_path, state, MANIFEST)
    prune(tmp_path, 2)
    assert names(tmp_path) == ["1-0", "1-3", "1-7", "2-5"], "a later epoch is newer, whatever its step"


DAMAGE = {
    "a flipped bit in the weights": lambda path: _flip(path / "weights.safetensors"),
    "a flipped bit in the moments": lambda path: _flip(path / "optimizer.safetensors"),
    "truncated weights": lambda path: os.truncate(path / "weights.safetensors", 1000),
    "empty moments": lambda path: os.truncate(path / "optimizer.safetensors", 0),
    "missing weights": lambda path: (path / "weights.safetensors").unlink(),
    "missing state": lambda path: (path / "state.json").unlink(),
    "truncated state": lambda path: os.truncate(path / "state.json", 40),
    "a state of another format": lambda path: _edit(path, "format", 2),
    "counters that are none": lambda path: _edit(path, "counters", {"step": -1}),
    "counters of another kind": lambda path: _edit(path, "counters", {"step": "many"}),
    "a file elsewhere": lambda path: _edit(path, "files", {"../../etc/passwd": {}}),
    "not an object": lambda path: (path / "state.json").write_text("[]"),
    "deep nesting": lambda path: (path / "state.json").write_text("[" * 100_000),
    "a far too large state": lambda path: os.truncate(path / "state.json", 2 << 20),
}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _edit(path: Path, key: str, value: object) -> None:
    tree = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(tree | {key: value}))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_corrupt_checkpoint_is_skipped_with_a_warning(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    saved_run(tmp_path, 2)
    DAMAGE[damage](tmp_path / "1-2")
    state = fresh()
    saved = checkpoint.restore_newest(tmp_path, state, MANIFEST)
    assert saved is not None
    assert saved.step == state.counters.step == 1
    assert f"skipping the corrupt checkpoint {tmp_path / '1-2'}" in caplog.text
    with pytest.raises(CorruptCheckpoint):
        checkpoint.load(tmp_path / "1-2", state, MANIFEST)
    assert state.counters.step == 1, "a refused checkpoint changes nothing"


def test_without_any_checkpoint_there_is_nothing_and_with_only_bad_ones_an_error(tmp_path: Path) -> None:
    assert checkpoint.restore_newest(tmp_path / "none", fresh(), MANIFEST) is None
    saved_run(tmp_path, 1)
    for name in ("1-0", "1-1"):
        _flip(tmp_path / name / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"none of the 2 checkpoints .* start the run anew"):
        checkpoint.restore_newest(tmp_path, fresh(), MANIFEST)
    assert names(tmp_path) == ["1-0", "1-1"], "evidence is not deleted"


def test_another_network_or_observation_is_refused_with_what_differs(tmp_path: Path) -> None:
    saved_run(tmp_path, 1)
    wide = replace(ARCHITECTURE, hidden=32)
    with pytest.raises(ArchitectureMismatch, match="hidden: expected 32, found 16"):
        checkpoint.restore_newest(
            tmp_path, State(wide, config().learner, torch.float32, seed=1), replace(MANIFEST, architecture=wide)
        )
    with pytest.raises(ArchitectureMismatch, match="observation 'original', this run"):
        checkpoint.restore_newest(tmp_path, fresh(), replace(MANIFEST, observation="egocentric"))


def test_what_a_killed_process_left_behind_is_removed_and_ignored(tmp_path: Path) -> None:
    saved_run(tmp_path, 1)
    for name in (".1-2.4711", ".1-0.old.4711"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.safetensors").write_bytes(b"half")
    saved = checkpoint.restore_newest(tmp_path, fresh(), MANIFEST)
    assert saved is not None
    assert saved.step == 1
    assert names(tmp_path) == ["1-0", "1-1"]


def test_a_file_system_without_room_leaves_no_half_checkpoint(tmp_path: Path) -> None:
    saved_run(tmp_path, 1)
    state, _, _ = learner(config())
    state.counters.step = 2
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(CheckpointError, match=r"no room for a checkpoint.*Make room.*untouched"):
            checkpoint.write(tmp_path, state, MANIFEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["1-0", "1-1"]
    assert checkpoint.restore_newest(tmp_path, fresh(), MANIFEST) is not None


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json", "state.sig"])
def test_nothing_moves_before_the_bytes_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk that gives back other bytes: the older checkpoint stays the newest, and nothing is let go for the bad."""
    state = learner(config())[0]
    vault = Vault(tmp_path, state, MANIFEST, kept=1, signer=SIGNER)
    state.counters.step = 7
    vault.write(pinned=False)
    seen: list[list[str]] = []

    def damaged(path: Path) -> bytes:
        data = path.open("rb").read()
        if path.name == name and path.parent.name.startswith(".1-8."):
            seen.append(names(tmp_path))
            return data[:-1] + bytes([data[-1] ^ 1])
        return data

    monkeypatch.setattr(Path, "read_bytes", damaged)
    state.counters.step = 8
    with pytest.raises(Fatal, match=f"could not be verified after writing: the bytes read back from {name}"):
        vault.write(pinned=False)
    assert "1-8" not in seen[0], "the name is given after the verification"
    assert names(tmp_path) == ["1-7"]
    assert vault.durable_step == 7
    saved = checkpoint.restore_newest(tmp_path, fresh(), MANIFEST)
    assert saved is not None
    assert saved.step == 7


@pytest.mark.parametrize("call", range(16))
def test_every_failing_system_call_leaves_the_older_checkpoint_loadable(
    tmp_path: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th call that touches the disk fails: either the new checkpoint is whole, or it is not there."""
    saved_run(tmp_path, 1)
    state, _, _ = learner(config())
    state.counters.step = 2
    left = [call]

    def failing(real: object) -> object:
        def wrapped(*arguments: object, **keywords: object) -> object:
            left[0] -= 1
            if left[0] == -1:
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments, **keywords)  # type: ignore[operator]

        return wrapped

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    for name in ("mkdir", "open", "rename"):
        monkeypatch.setattr(Path, name, failing(getattr(Path, name)))
    try:
        checkpoint.write(tmp_path, state, MANIFEST, signer=SIGNER)
        written = True
    except CheckpointError as error:
        written = False
        assert "untouched" in str(error) or "Check the disk" in str(error)  # noqa: PT017 both outcomes are right
    monkeypatch.undo()
    other = fresh()
    saved = checkpoint.restore_newest(tmp_path, other, MANIFEST)
    assert saved is not None
    assert saved.step in ((2,) if written else (1, 2))
    assert names(tmp_path) in (["1-0", "1-1"], ["1-0", "1-1", "1-2"])
