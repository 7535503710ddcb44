"""`ludus-league`: who plays whom, the ratings and the training schedule."""

import sys
from typing import TYPE_CHECKING

from ..kernel.service import main as run_service

if TYPE_CHECKING:
    from ..kernel.service import Context


async def _build(ctx: "Context") -> None:
    from .process import serve

    await serve(ctx)


def main() -> None:
    sys.exit(run_service("league", _build))


if __name__ == "__main__":
    main()
