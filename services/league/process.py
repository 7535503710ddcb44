"""The body of `ludus-league`: the league and the door through which people ask it."""

from __future__ import annotations

from ..kernel.rpc import RpcPortTaken
from ..kernel.service import Context, Fatal
from .alerts import PATH, Alerts
from .control import serve_rpc
from .service import League


async def serve(ctx: Context) -> None:
    """Open the league, answer gRPC, direct the run until it is over."""
    league = await League.open(ctx)
    ctx.posts[PATH] = Alerts(ctx, league.store, league.health).post
    try:
        async with serve_rpc(league) as port:
            ctx.grpc_port = port
            ctx.ready()
            await league.run()
    except RpcPortTaken as error:
        raise Fatal(f"{error}. Give another --grpc-port, or 0 for a free one.") from error
