"""Checkpoints that somebody has been at: not signed, not this run's, or long let go, they are refused."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ludus.kernel.service import Fatal
from ludus.learner import checkpoint
from ludus.learner.checkpoint import CheckpointError, CorruptCheckpoint
from ludus.learner.description import Proof
from ludus.learner.register import Overtaken, Register
from ludus.learner.signing import KEY_FILE, MARK_BYTES, Forged, Signer, signed_by
from ludus.learner.state import State
from ludus.learner.vault import Vault

from .learner_kit import ARCHITECTURE, MANIFEST, SIGNER, config

KEPT = 2


class Run:
    """Writes checkpoints as the learner does: on the disk, on the list, then the surplus goes."""

    def __init__(self, root: Path, *, signer: Signer = SIGNER, agent: str = "main") -> None:
        self.root, self.signer, self.agent = root, signer, agent
        self.register = Register()
        self.attic = root.parent / f"attic-{root.name}"
        """every checkpoint there ever was, as somebody might have kept them"""
        self.state = State(ARCHITECTURE, config().learner, torch.float32, seed=1)
        self.state.counters.epoch = 1

    def vault(self, state: State | None = None) -> Vault:
        identity = replace(MANIFEST, agent=self.agent)
        made = Vault(self.root, self.state if state is None else state, identity, KEPT, self.signer)
        made.register = self.register
        return made

    def save(self, step: int, *, epoch: int = 1, entered: bool = True) -> Path:
        counters = self.state.counters
        counters.epoch, counters.step = epoch, step
        for tensor in self.state.weights().values():
            tensor += 1
        vault = self.vault()
        saved = vault.write(pinned=step == 0)
        shutil.copytree(saved.path, self.attic / saved.path.name, dirs_exist_ok=True)
        if entered:
            surplus = vault.surplus()
            struck = [path.name for path in surplus]
            self.register = self.register.entered(saved.path.name, saved.digest, struck)
            vault.let_go(surplus)
        return saved.path

    def recovered(self) -> str:
        """Name of what a learner that starts now goes on from."""
        saved = self.vault(State(ARCHITECTURE, config().learner, torch.float32, seed=9)).recover()
        assert saved
        return saved.path.name

    def proof(self) -> Proof:
        return Proof(self.signer, self.agent, self.register)

    def put(self, source: Path, name: str) -> None:
        """Somebody puts a folder in the place of another."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copytree(source, self.root / name)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Steps 0, 10, … 40 of one epoch; 30 and 40 are kept, and 0, which is pinned."""
    made = Run(tmp_path / "checkpoints")
    for step in (0, 10, 20, 30, 40):
        made.save(step)
    assert sorted(path.name for path in made.root.iterdir()) == ["1-0", "1-30", "1-40"]
    assert made.recovered() == "1-40"
    return made


def _edit(path: Path, change: Callable[[dict], object], signer: Signer | None = None) -> None:  # type: ignore[type-arg]
    tree = json.loads((path / "state.json").read_bytes())
    change(tree)
    data = json.dumps(tree).encode()
    (path / "state.json").write_bytes(data)
    if signer:
        (path / "state.sig").write_bytes(signer.sign(data))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _absurd_header(path: Path) -> None:
    """Even with a sha256 that fits, which only an unsigned one can have."""
    data = struct.pack("<Q", 2**62) + (path / "weights.safetensors").read_bytes()[8:]
    (path / "weights.safetensors").write_bytes(data)


def _absurd_size(path: Path) -> None:
    os.truncate(path / "optimizer.safetensors", 1 << 42)  # sparse: nobody has to have the room


def _pipe(path: Path) -> None:
    (path / "state.sig").unlink()
    os.mkfifo(path / "state.sig")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "tampered weights": (lambda path: _flip(path / "weights.safetensors"), "sha256"),
    "tampered moments": (lambda path: _flip(path / "optimizer.safetensors"), "sha256"),
    "tampered manifest": (lambda path: _edit(path, lambda tree: tree["counters"].update(decisions=7)), "altered"),
    "tampered by other layout alone": (lambda path: _edit(path, lambda tree: None), "altered"),
    "tampered signature": (lambda path: _flip(path / "state.sig"), "altered"),
    "no signature": (lambda path: (path / "state.sig").unlink(), "it is not signed"),
    "empty signature": (lambda path: os.truncate(path / "state.sig", 0), "96 bytes, not 0"),
    "truncated signature": (lambda path: os.truncate(path / "state.sig", MARK_BYTES - 1), "96 bytes, not 95"),
    "a signature that nobody writes": (_pipe, "no file"),
    "huge signature": (lambda path: os.truncate(path / "state.sig", 1 << 40), "far too large"),
    "truncated manifest": (lambda path: os.truncate(path / "state.json", 100), "altered"),
    "huge manifest": (lambda path: os.truncate(path / "state.json", 1 << 40), "far too large"),
    "truncated weights": (lambda path: os.truncate(path / "weights.safetensors", 500), "were written"),
    "header of absurd size": (_absurd_header, "sha256"),
    "file of absurd size": (_absurd_size, "were written"),
    "signed with another key": (
        lambda path: _edit(path, lambda tree: None, Signer("kit", b"another secret")),
        "another key",
    ),
    "signed for another run": (
        lambda path: _edit(path, lambda tree: tree.update(run="other"), SIGNER),
        "signed for other main 1-40",
    ),
    "signed for another agent": (
        lambda path: _edit(path, lambda tree: tree["manifest"].update(agent="other"), SIGNER),
        "signed for kit other 1-40",
    ),
    "signed for another epoch": (
        lambda path: _edit(path, lambda tree: tree["counters"].update(epoch=2), SIGNER),
        "signed for kit main 2-40",
    ),
    "signed for another step": (
        lambda path: _edit(path, lambda tree: tree["counters"].update(step=39), SIGNER),
        "signed for kit main 1-39",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_that_was_tampered_with_is_refused_and_the_one_before_is_taken(run: Run, damage: str) -> None:
    change, reason = DAMAGE[damage]
    change(run.root / "1-40")
    state = State(ARCHITECTURE, config().learner, torch.float32, seed=9)
    before = state.remember()
    with pytest.raises(CorruptCheckpoint, match=reason):
        checkpoint.load(run.root / "1-40", state, MANIFEST, run.proof())
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items()), "nothing came in"
    with pytest.raises(CheckpointError, match="1-40 cannot be loaded"):
        run.vault().load("1-40", 2)
    assert run.recovered() == "1-30"


def test_a_learner_that_goes_back_is_in_the_new_epoch_from_the_first_moment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    settle = State.settle

    def look(state: State) -> None:
        seen.append((state.counters.epoch, state.counters.step))
        settle(state)

    run.state.counters.epoch = 3
    monkeypatch.setattr(State, "settle", look)
    saved = run.vault().load("1-30", 4)
    assert seen[-1] == (4, 30)
    assert min(seen)[0] == 3, "rollouts of epoch 3 that arrive meanwhile must not look like those of somebody newer"
    assert (saved.epoch, saved.step) == (1, 30)


def test_an_old_one_is_refused_wherever_it_is_put(run: Run) -> None:
    run.put(run.attic / "1-10", "1-40")
    with pytest.raises(CorruptCheckpoint, match="signed for kit main 1-10, not for kit main 1-40"):
        checkpoint.load(run.root / "1-40", run.state, MANIFEST, run.proof())
    assert run.recovered() == "1-30"
    run.put(run.attic / "1-10", "1-30")
    run.put(run.attic / "1-20", "1-41")
    assert run.recovered() == "1-0", "what the run has itself kept"
    shutil.rmtree(run.root)
    run.put(run.attic / "1-20", "1-20")
    with pytest.raises(Fatal, match=r"none of the 1 checkpoints .* older than 1-40 and not on its list"):
        run.recovered()
    with pytest.raises(CheckpointError, match="not on its list"):
        run.vault().load("1-20", 2)


def test_an_empty_folder_is_not_a_new_run(run: Run) -> None:
    shutil.rmtree(run.root)
    with pytest.raises(Fatal, match=r"1-40 is the newest, and .* is empty.*volume"):
        run.recovered()
    for name in ("1-0", "1-30", "1-40"):  # a person restores them from a copy
        run.put(run.attic / name, name)
    assert run.recovered() == "1-40"


def test_one_of_another_run_agent_or_key_is_refused(run: Run, tmp_path: Path) -> None:
    others = {
        "run": Run(tmp_path / "run", signer=Signer("other", b"a secret of the tests")),
        "agent": Run(tmp_path / "agent", agent="evader"),
        "key": Run(tmp_path / "key", signer=Signer("kit", b"another secret")),
    }
    reasons = {"run": "another key", "agent": "signed for kit evader", "key": "another key"}
    for kind, other in others.items():
        other.save(50)
        run.put(other.root / "1-50", "1-50")
        with pytest.raises(CorruptCheckpoint, match=reasons[kind]):
            checkpoint.load(run.root / "1-50", run.state, MANIFEST, run.proof())
        assert run.recovered() == "1-40"


def test_killed_between_writing_and_entering(run: Run) -> None:
    """The newest may be newer than the list, until the list has gone on."""
    run.save(50, entered=False)
    assert run.recovered() == "1-50"
    shutil.rmtree(run.root / "1-50")  # somebody takes it away, and brings it back when it is an old one
    assert run.recovered() == "1-40"
    run.save(41, epoch=2)
    run.put(run.attic / "1-50", "1-50")
    assert run.recovered() == "2-41"
    shutil.rmtree(run.root / "2-41")
    assert run.recovered() == "1-40"


def test_after_a_rollback_what_was_rolled_back_is_no_longer_the_newest(run: Run) -> None:
    run.vault().load("1-30", 2)
    run.save(30, epoch=2)
    assert run.recovered() == "2-30"
    run.save(40, epoch=2)
    run.put(run.attic / "1-40", "2-41")
    assert run.recovered() == "2-40"
    with pytest.raises(Overtaken, match="2-40"):
        run.save(60, epoch=1)


def test_a_new_key_believes_what_is_on_the_list_and_nothing_else(run: Run) -> None:
    run.save(50, entered=False)
    run.signer = Signer("kit", b"a new secret")
    assert run.recovered() == "1-40"
    run.save(41, epoch=2)
    assert run.recovered() == "2-41"


def test_whoever_names_a_checkpoint_vouches_for_it_but_its_signature_must_fit(run: Run) -> None:
    """Reading without a proof, as `--init-from` and `ludus export` do."""
    _, manifest = checkpoint.load_actor(run.attic / "1-10")
    assert (manifest.epoch, manifest.step) == (1, 10)
    (run.attic / "1-10" / "state.sig").unlink()
    checkpoint.load_actor(run.attic / "1-10")
    _edit(run.attic / "1-20", lambda tree: None)
    with pytest.raises(CorruptCheckpoint, match="altered"):
        checkpoint.load_networks(run.attic / "1-20")
    with pytest.raises(CorruptCheckpoint, match="altered"):
        checkpoint.load_statistics(run.attic / "1-20")


def test_the_key_is_kept_for_its_owner_alone_and_differs_from_run_to_run(tmp_path: Path) -> None:
    settings = {"directory": str(tmp_path / "a"), "run": "a"}
    one = config().model_copy(update=settings)
    signer = Signer.of(one)
    file = tmp_path / "a" / KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert Signer.of(one).public == signer.public
    assert Signer.of(one.model_copy(update={"run": "b"})).public != signer.public
    os.truncate(file, 3)  # a power cut while it was made
    assert Signer.of(one).public != signer.public
    assert signed_by(b"text", signer.sign(b"text")) == signer.public
    with pytest.raises(Forged):
        signed_by(b"texts", signer.sign(b"text"))


def test_behind_locked_doors_the_key_follows_from_the_credential(tmp_path: Path) -> None:
    credentials = config().bus.model_copy(update={"credentials": str(tmp_path)})
    locked = config().model_copy(update={"run": "a", "directory": str(tmp_path / "a"), "bus": credentials})
    with pytest.raises(Fatal, match=r"learner\.nk, with which checkpoints are signed, cannot be read"):
        Signer.of(locked)
    (tmp_path / "learner.nk").write_bytes(b"SUA-SEED")
    first = Signer.of(locked)
    assert Signer.of(locked).public == first.public
    assert not (tmp_path / "a").exists(), "no key of its own"
    (tmp_path / "learner.nk").write_bytes(b"SUA-OTHER")
    assert Signer.of(locked).public != first.public
