"""Logs on stderr: JSON lines for machines, short lines on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class _JsonLines(logging.Formatter):
    def __init__(self, name: str, run: str) -> None:
        super().__init__()
        self._fixed = {"name": name, "run": run}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._fixed,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def set_up(name: str, run: str) -> None:
    """Send everything from INFO upwards to stderr; chatty libraries only from WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter(f"%(asctime)s {name} %(levelname)s %(message)s", "%H:%M:%S"))
    else:
        handler.setFormatter(_JsonLines(name, run))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in ("nats", "grpc", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)
