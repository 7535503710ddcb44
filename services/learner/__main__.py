"""`ludus-learner`: turn the rollouts of a run into better weights."""

import sys
from typing import TYPE_CHECKING

from ..kernel.service import main as run_service

if TYPE_CHECKING:
    from ..kernel.service import Context


async def _build(ctx: "Context") -> None:
    from .service import serve

    await serve(ctx)


def main() -> None:
    sys.exit(run_service("learner", _build))


if __name__ == "__main__":
    main()
