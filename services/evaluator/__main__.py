"""`ludus-evaluator`: measure policies against fixed references."""

import sys
from typing import TYPE_CHECKING

from ..kernel.service import main as run_service

if TYPE_CHECKING:
    from ..kernel.service import Context


async def _build(ctx: "Context") -> None:
    from .service import serve

    await serve(ctx)


def main() -> None:
    sys.exit(run_service("evaluator", _build))


if __name__ == "__main__":
    main()
