"""The base classes of Filmgate's data models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A validated, immutable value, compared by its fields."""

    model_config = ConfigDict(frozen=True)


class ClosedModel(FrozenModel):
    """A value that was made outside of this process; unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")
