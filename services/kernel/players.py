"""Names of players in standings and reports.

`main` is the live seat of agent "main", `main@1.40` its version (epoch 1, step 40), `bot:ace` a scripted bot,
`starter@0.0` a guest: a file from elsewhere. Epochs of learners begin at 1.
"""

from __future__ import annotations

import re

from ..api.v1.match_pb2 import Player
from ..api.v1.policy_pb2 import PolicyRef

BOT_PREFIX = "bot:"
#: Stands where an opponent would, for a player that plays alone.
NOBODY = ""
GUEST_EPOCH = 0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_VERSION = re.compile(r"(?P<agent>[a-z0-9][a-z0-9-]{0,47})@(?P<epoch>\d{1,20})\.(?P<step>\d{1,20})")


def version_id(policy: PolicyRef) -> str:
    """`main@1.40`."""
    return f"{policy.agent}@{policy.epoch}.{policy.step}"


def bot_id(bot: str) -> str:
    """`bot:ace`."""
    return BOT_PREFIX + bot


def player_id(player: Player) -> str:
    """Id of one player of a match. Raises ValueError unless it is exactly one of policy and bot, with a plain name."""
    has_policy = player.HasField("policy")
    if has_policy == bool(player.bot) or (player.live and not has_policy):
        raise ValueError("a player is either a policy or a bot; only a policy can be live")
    name = player.policy.agent if has_policy else player.bot
    if not _NAME.fullmatch(name):
        raise ValueError(f"a player's name is made of a-z, 0-9, '-' and '_', not {name!r}")
    if not has_policy:
        return bot_id(name)
    return name if player.live else version_id(player.policy)


def is_bot(player: str) -> bool:
    return player.startswith(BOT_PREFIX)


def is_version(player: str) -> bool:
    """A fixed version, neither live nor a bot."""
    return "@" in player


def guest_ref(name: str, sha256: str) -> PolicyRef:
    """Identity of a guest."""
    return PolicyRef(agent=name, epoch=GUEST_EPOCH, step=0, sha256=sha256)


def is_guest(player: str) -> bool:
    """A version that no learner of the run has made."""
    return is_version(player) and version_of(player)[1] == GUEST_EPOCH


def agent_of(player: str) -> str:
    """The agent a live seat or a version belongs to; "" for a bot."""
    return "" if is_bot(player) else player.partition("@")[0]


def version_of(player: str) -> tuple[str, int, int]:
    """`main@1.40` -> ("main", 1, 40). Raises ValueError."""
    match = _VERSION.fullmatch(player)
    if not match:
        raise ValueError(f"expected a version like main@1.40, not {player!r}")
    return match["agent"], int(match["epoch"]), int(match["step"])


def version_key(player: str) -> str:
    """Key of a version in the POLICIES bucket: `main@1.40` -> `main.1.40`."""
    return "{}.{}.{}".format(*version_of(player))


def orient(one: str, other: str) -> tuple[str, str]:
    """The order in which a pair is written: live before version before bot, a newer version before an older one.

    The learner or the candidate thus stands first, whatever seat it took and whatever order a message lists.
    """
    return (one, other) if _rank(one) <= _rank(other) else (other, one)


def _rank(player: str) -> tuple[int, int, int, str]:
    if is_bot(player):
        return 2, 0, 0, player
    if not is_version(player):
        return 0, 0, 0, player
    agent, epoch, step = version_of(player)
    return 1, -epoch, -step, agent
