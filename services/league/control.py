"""gRPC: commands of people, and questions about the league."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

from ..api.v1 import run_pb2 as run
from ..api.v1 import services_pb2 as api
from ..api.v1 import services_pb2_grpc as stubs
from ..kernel import rpc
from ..kernel.roles import Caller
from .commands import Command, NotPossible, carry_out, is_over, remember
from .service import League

#: Bounds of the interval at which a console may be told the state.
FASTEST_SECONDS, DEFAULT_SECONDS, SLOWEST_SECONDS = 0.1, 1.0, 60.0


def check_run(league: League, asked: str) -> None:
    """A league serves one run; an empty name means that one. Raises LookupError for another."""
    run_name = league.ctx.config.run
    if asked and asked != run_name:
        raise LookupError(f"this league serves the run {run_name!r}, not {asked!r}")


def check_command(league: League, request: Any) -> None:
    """Raises what `check_run` does, and ValueError for a command without an id."""
    check_run(league, request.run)
    if not request.command_id:
        raise ValueError("command_id is missing: give each command an id of its own, so that a retry does no harm")


class Control(stubs.ControlServiceServicer):
    """Each command is carried out once, however often it is sent: its id is remembered with its effect."""

    def __init__(self, league: League) -> None:
        self._league = league
        self._lock = asyncio.Lock()
        """one command at a time: the same one sent twice at once is one"""

    async def PauseRun(self, request: api.PauseRunRequest, context: Any) -> api.PauseRunResponse:
        return api.PauseRunResponse(state=await self._command("pause", request, context))

    async def ResumeRun(self, request: api.ResumeRunRequest, context: Any) -> api.ResumeRunResponse:
        return api.ResumeRunResponse(state=await self._command("resume", request, context))

    async def StopRun(self, request: api.StopRunRequest, context: Any) -> api.StopRunResponse:
        return api.StopRunResponse(state=await self._command("stop", request, context, request.reason))

    async def RollbackRun(self, request: api.RollbackRunRequest, context: Any) -> api.RollbackRunResponse:
        """Back to a good checkpoint. With `rule` it is an alert's request, which the controller may refuse."""
        health = self._league.health

        async def work() -> str:
            if request.rule:
                return (await health.request(request.agent, request.rule, request.command_id))[1]
            reason = request.reason or "asked for by a person"
            return await health.rollback(request.agent, request.checkpoint, reason, rpc.actor(context))

        return api.RollbackRunResponse(message=await self._once("rollback", request, context, work))

    async def PromoteCheckpoint(
        self, request: api.PromoteCheckpointRequest, context: Any
    ) -> api.PromoteCheckpointResponse:
        """A person vouches for a checkpoint."""

        async def work() -> str:
            return await self._league.health.promote(request.agent, request.checkpoint)

        return api.PromoteCheckpointResponse(message=await self._once("promote", request, context, work))

    async def _once(self, command: str, request: Any, context: Any, work: Callable[[], Awaitable[str]]) -> str:
        """Carry out what has not been carried out under this id. A kill in between repeats it, which does no harm."""
        check_command(self._league, request)
        async with self._lock:
            if request.command_id in self._league.store.record.commands_done:
                return "done already"
            message = await work()
            await self._league.store.change(lambda record: remember(record, request.command_id))
            await self._audit(f"{command}: {message}", request, context)
        return message

    async def _audit(self, message: str, request: Any, context: Any) -> None:
        """What was done, and who asked for it."""
        await self._league.ctx.event("command", message, command_id=request.command_id, actor=rpc.actor(context))

    async def GetStatus(self, request: api.GetStatusRequest, context: Any) -> api.GetStatusResponse:
        check_run(self._league, request.run)
        return api.GetStatusResponse(status=self._league.status())

    async def WatchRun(self, request: api.WatchRunRequest, context: Any) -> AsyncIterator[api.WatchRunResponse]:
        """The status again and again, the last time when the run is over."""
        check_run(self._league, request.run)
        interval = min(max(request.interval_seconds or DEFAULT_SECONDS, FASTEST_SECONDS), SLOWEST_SECONDS)
        while True:
            over = is_over(self._league.store.record) or self._league.ctx.stopping.is_set()
            yield api.WatchRunResponse(status=self._league.status())
            if over:
                return
            await asyncio.sleep(interval)

    async def _command(self, command: Command, request: Any, context: Any, reason: str = "") -> run.RunState:
        check_command(self._league, request)
        store = self._league.store
        async with self._lock:
            known = request.command_id in store.record.commands_done
            try:
                record = await store.change(lambda now: carry_out(now, command, request.command_id, reason))
            except NotPossible as error:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            if not known:
                if command == "resume":
                    await self._league.health.release()
                await self._audit(f"{command} {reason}".strip(), request, context)
        return record.state


class Questions(stubs.LeagueServiceServicer):
    def __init__(self, league: League) -> None:
        self._league = league

    async def GetStandings(self, request: api.GetStandingsRequest, context: Any) -> api.GetStandingsResponse:
        check_run(self._league, request.run)
        return api.GetStandingsResponse(standings=self._league.keeper.standings())

    async def GetPayoff(self, request: api.GetPayoffRequest, context: Any) -> api.GetPayoffResponse:
        """Rows of one purpose ("train", "evaluate", "probe"), or all."""
        check_run(self._league, request.run)
        rows = self._league.keeper.standings().pairs
        return api.GetPayoffResponse(pairs=[row for row in rows if request.purpose in ("", row.purpose)])


def serve_rpc(league: League) -> AbstractAsyncContextManager[int]:
    """Both services, on the port that was asked for; yields the real one."""

    def register(server: grpc.aio.Server) -> None:
        stubs.add_ControlServiceServicer_to_server(Control(league), server)  # type: ignore[no-untyped-call]
        stubs.add_LeagueServiceServicer_to_server(Questions(league), server)  # type: ignore[no-untyped-call]

    async def audit(caller: Caller, method: str, problem: str) -> None:
        await league.ctx.event("refused", problem, method=method, actor=caller.name, role=caller.role, run=caller.run)

    ctx, services = league.ctx, list(api.DESCRIPTOR.services_by_name.values())
    return rpc.serve(register, services, host=ctx.host, port=ctx.grpc_port, listening=ctx.listening, audit=audit)
