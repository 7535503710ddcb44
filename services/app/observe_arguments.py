"""The part of the command line that looks at a run from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

POSTMORTEM = """What the processes of a run left behind: who died when and of what, the last records, numbers and stacks
of each, who hangs and where. Printed, and put with everything it is drawn from into an archive to pass on.

It reads files, so it works without the stack, for runs that died, hang or go on. Neither weights nor passwords are in
the archive.

examples:
  ludus postmortem                                 the newest run
  ludus postmortem duel-1 --output duel.tar.gz
  kill -USR1 PID; ludus postmortem duel-1          where is that process at this moment? (PID: ludus status)
"""


def add_observe(add: Any, run: Any) -> None:
    """`add` makes commands that share the common options, `run` lets a command name one."""
    post = add(
        "postmortem", "postmortem:postmortem", "who died or hangs, of what, with stacks; as an archive", POSTMORTEM
    )
    run(post)
    post.add_argument("--output", type=Path, metavar="FILE", help="the .tar.gz (default: in the run's folder)")
