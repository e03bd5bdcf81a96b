"""What all tables of settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """A table of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
