"""The checkpoints of one run, as the service uses them: what goes wrong there is for a person to resolve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..kernel.service import Fatal
from ..play.architecture import ArchitectureMismatch
from ..play.weights import Manifest, to_bytes
from . import checkpoint
from .checkpoint import CheckpointError, CorruptCheckpoint, Proof, Saved
from .register import Register, name_of
from .signing import Signer
from .state import State
from .tools import weights_sha256


class Vault:
    """Writes and finds checkpoints of `state`. `identity` is its manifest at step 0; `durable_step` the newest one."""

    def __init__(self, root: Path, state: State, identity: Manifest, kept: int, signer: Signer) -> None:
        self._root = root
        self._state = state
        self._identity = identity
        self._kept = kept
        self._signer = signer
        self.register = Register()
        """the run's list of them, as last seen"""
        self.durable_step = 0
        self.durable_epoch = 0
        self.protected: frozenset[str] = frozenset()
        """names of checkpoints that a rollback may go back to"""

    @property
    def _proof(self) -> Proof:
        return Proof(self._signer, self._identity.agent, self.register)

    def recover(self) -> Saved | None:
        """Load the newest valid checkpoint; None if the run has none yet. Raises Fatal."""
        try:
            saved = checkpoint.restore_newest(self._root, self._state, self._identity, self._proof)
        except (CheckpointError, ArchitectureMismatch) as error:
            raise Fatal(str(error)) from error
        if saved:
            self._durable(saved)
        elif self.register.digests:
            raise Fatal(
                f"the run has written checkpoints, {name_of(self.register.newest)} is the newest, and {self._root} is "
                "empty: put the folder back (is its volume mounted?), or start a new run."
            )
        return saved

    def load(self, name: str, epoch: int) -> Saved:
        """Load the checkpoint of this name, all of it or nothing, to go on in `epoch`, and prove what was loaded.

        Raises CheckpointError.
        """
        path = self._root / name
        before, counters = self._state.remember(), self._state.counters
        try:
            saved = checkpoint.load(path, self._state, self._identity, self._proof, epoch=epoch)
            actor, _ = checkpoint.load_actor(path)
        except (CorruptCheckpoint, ArchitectureMismatch) as error:
            raise CheckpointError(f"checkpoint {name} cannot be loaded: {error}") from error
        if weights_sha256(actor) != weights_sha256(self._state.actor):
            self._state.restore(before)
            self._state.counters = counters
            raise CheckpointError(f"what was loaded from {name} is not what the file holds")
        self._durable(saved)
        return saved

    def _durable(self, saved: Saved) -> None:
        self.durable_step, self.durable_epoch = saved.step, saved.epoch

    def write(self, *, pinned: bool) -> Saved:
        """Write the state and verify it. Raises Fatal; what was there before still is."""
        try:
            saved = checkpoint.write(self._root, self._state, self._identity, pinned=pinned, signer=self._signer)
        except (CheckpointError, OSError) as error:
            raise Fatal(str(error)) from error
        self._durable(saved)
        return saved

    def surplus(self) -> list[Path]:
        """Those that the newer ones have made superfluous."""
        return checkpoint.surplus(self._root, self._kept, self.protected)

    def let_go(self, paths: list[Path]) -> None:
        """Remove them, once they are struck off the list. Raises Fatal."""
        try:
            for path in paths:
                checkpoint.remove(path)
        except OSError as error:
            raise Fatal(f"the checkpoint {error.filename} cannot be removed: {error.strerror}") from error

    def start_weights(self, fresh: Callable[[], State]) -> tuple[bytes, Manifest] | None:
        """The untrained actor of step 0 and who it is; None if its checkpoint is gone. Raises Fatal if it is corrupt.

        `fresh` makes a state to load it into, when the run is past that step.
        """
        start = next((saved for saved in checkpoint.saved_in(self._root) if saved.step == 0), None)
        if start is None:
            return None
        manifest = replace(self._identity, epoch=start.epoch)
        if self._state.counters.step == 0:
            manifest = replace(manifest, precision=self._state.precision)
            return to_bytes(self._state.actor, manifest), manifest
        state = fresh()
        try:
            checkpoint.load(start.path, state, self._identity, self._proof)
        except CorruptCheckpoint as error:
            raise Fatal(
                f"the checkpoint of step 0, {start.path}, is corrupt: {error}. Restore it from a copy."
            ) from error
        manifest = replace(manifest, precision=state.precision)
        return to_bytes(state.actor, manifest), manifest
