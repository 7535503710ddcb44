"""The checkpoints of an agent: the folder that holds them and the run's list of them, kept in step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ..kernel.service import Context
from .checkpoint import Saved
from .publisher import replaced
from .register import Overtaken, Registry, name_of, place_of
from .vault import Vault


class Compute(Protocol):
    """Runs work in the thread to which the state belongs."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]: ...


class Archive:
    """Recovers and writes checkpoints for the service; `tell` hears of each that was written."""

    def __init__(self, ctx: Context, registry: Registry, vault: Vault, compute: Compute, tell: Callable[[], None]):
        self._ctx, self._registry, self._vault, self._compute, self._tell = ctx, registry, vault, compute, tell

    @classmethod
    async def open(cls, ctx: Context, vault: Vault, compute: Compute, tell: Callable[[], None]) -> Archive:
        return cls(ctx, await Registry.open(ctx.bus, ctx.config.learner.agent), vault, compute, tell)

    async def recover(self) -> Saved | None:
        """The newest checkpoint that is whole and the run's own, loaded; None if the run has none yet. Raises Fatal.

        One whose writer was killed before it could enter it is entered now.
        """
        register = self._vault.register = await self._registry.read()
        saved: Saved | None = await self._compute(self._vault.recover)
        if saved is None:
            return None
        if (saved.epoch, saved.step) >= register.newest:
            await self._enter(saved)
        else:
            newest = name_of(register.newest)
            message = f"checkpoint {newest} is gone, damaged or not genuine: {saved.path.name} takes its place"
            await self._ctx.event("warning", message)
        return saved

    async def asked(self, step: int) -> bool:
        """Whether the league wants a checkpoint of this update: it is about to try a change."""
        record = await self._ctx.run_record()
        return record is not None and self._vault.durable_step < record.checkpoint_step <= step

    async def write(self, *, pinned: bool) -> Saved:
        """On the disk, then on the list; what it replaces is struck off the list, then removed. Raises Fatal."""
        vault = self._vault
        saved: Saved = await self._compute(lambda: vault.write(pinned=pinned))
        surplus = vault.surplus()
        await self._enter(saved, [path.name for path in surplus])
        await self._compute(lambda: vault.let_go(surplus))
        self._tell()
        return saved

    async def _enter(self, saved: Saved, struck: Sequence[str] = ()) -> None:
        try:
            self._vault.register = await self._registry.enter(saved.path.name, saved.digest, struck)
        except Overtaken as error:
            config, (newest, _) = self._ctx.config, place_of(str(error))
            raise replaced(config.run, config.learner.agent, saved.epoch, newest) from error
