"""What every section of the configuration is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

#: Names of runs, agents and the like.
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,47}$"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
