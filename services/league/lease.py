"""Who may act: one holder at a time, by compare-and-set on a key with an end."""

from __future__ import annotations

import json
import secrets
import time

from ..kernel.bus import Bucket, Conflict

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0


class Lease:
    """A holder that dies is followed after LEASE_SECONDS."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket, self._key = bucket, f"lease.{name}"
        self._holder = secrets.token_hex(8)
        self._until = 0.0

    async def hold(self) -> bool:
        """True while this process may act. Renewed in time as long as it is asked."""
        now = time.time()
        if now < self._until - LEASE_SECONDS + RENEW_SECONDS:
            return True
        entry = await self._bucket.get(self._key)
        if entry is not None:
            held = json.loads(entry.value)
            if held["holder"] != self._holder and held["until"] > now:
                return False
        until = now + LEASE_SECONDS
        data = json.dumps({"holder": self._holder, "until": until}).encode()
        try:
            await self._bucket.update(self._key, data, entry.revision if entry else 0)
        except Conflict:
            return False
        self._until = until
        return True
