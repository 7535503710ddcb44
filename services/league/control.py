"""gRPC: commands of people, and questions about the league."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc

from ..api.v1 import run_pb2 as run
from ..api.v1 import services_pb2 as api
from ..api.v1 import services_pb2_grpc as stubs
from ..kernel.context import Context
from .commands import Command, NotPossible, carry_out, is_over

if TYPE_CHECKING:
    from .service import League

#: Bounds of the interval at which a console may be told the state.
FASTEST_SECONDS, DEFAULT_SECONDS, SLOWEST_SECONDS = 0.1, 1.0, 60.0


async def check_run(league: League, asked: str, context: Any) -> None:
    """A league serves one run. An empty name means that one."""
    run_name = league.ctx.config.run
    if asked and asked != run_name:
        await context.abort(grpc.StatusCode.NOT_FOUND, f"this league serves the run {run_name!r}, not {asked!r}")


class Control(stubs.ControlServiceServicer):
    """Each command is carried out once, however often it is sent: its id is remembered with its effect."""

    def __init__(self, league: League) -> None:
        self._league = league

    async def PauseRun(self, request: api.PauseRunRequest, context: Any) -> api.PauseRunResponse:
        return api.PauseRunResponse(state=await self._command("pause", request, context))

    async def ResumeRun(self, request: api.ResumeRunRequest, context: Any) -> api.ResumeRunResponse:
        return api.ResumeRunResponse(state=await self._command("resume", request, context))

    async def StopRun(self, request: api.StopRunRequest, context: Any) -> api.StopRunResponse:
        return api.StopRunResponse(state=await self._command("stop", request, context, request.reason))

    async def GetStatus(self, request: api.GetStatusRequest, context: Any) -> api.GetStatusResponse:
        await check_run(self._league, request.run, context)
        return api.GetStatusResponse(status=self._league.status())

    async def WatchRun(self, request: api.WatchRunRequest, context: Any) -> AsyncIterator[api.WatchRunResponse]:
        """The status again and again, the last time when the run is over."""
        await check_run(self._league, request.run, context)
        interval = min(max(request.interval_seconds or DEFAULT_SECONDS, FASTEST_SECONDS), SLOWEST_SECONDS)
        while True:
            over = is_over(self._league.store.record) or self._league.ctx.stopping.is_set()
            yield api.WatchRunResponse(status=self._league.status())
            if over:
                return
            await asyncio.sleep(interval)

    async def _command(self, command: Command, request: Any, context: Any, reason: str = "") -> run.RunState:
        await check_run(self._league, request.run, context)
        if not request.command_id:
            message = "command_id is missing: give each command an id of its own, so that a retry does no harm"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        store, known = self._league.store, request.command_id in self._league.store.record.commands_done
        try:
            record = await store.change(lambda now: carry_out(now, command, request.command_id, reason))
        except NotPossible as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        if not known:
            await self._league.ctx.event("command", f"{command} {reason}".strip(), command_id=request.command_id)
        return record.state


class Questions(stubs.LeagueServiceServicer):
    def __init__(self, league: League) -> None:
        self._league = league

    async def GetStandings(self, request: api.GetStandingsRequest, context: Any) -> api.GetStandingsResponse:
        await check_run(self._league, request.run, context)
        return api.GetStandingsResponse(standings=self._league.keeper.standings())

    async def GetPayoff(self, request: api.GetPayoffRequest, context: Any) -> api.GetPayoffResponse:
        """Rows of one purpose ("train", "evaluate", "probe"), or all."""
        await check_run(self._league, request.run, context)
        rows = self._league.keeper.standings().pairs
        return api.GetPayoffResponse(pairs=[row for row in rows if request.purpose in ("", row.purpose)])


@asynccontextmanager
async def serve_rpc(ctx: Context, league: League) -> AsyncIterator[None]:
    server = grpc.aio.server()
    stubs.add_ControlServiceServicer_to_server(Control(league), server)
    stubs.add_LeagueServiceServicer_to_server(Questions(league), server)
    ctx.grpc_port = server.add_insecure_port(f"{ctx.host}:{ctx.grpc_port}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(1.0)
