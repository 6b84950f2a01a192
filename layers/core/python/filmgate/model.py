"""The base of Filmgate's values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A value: validated, immutable, compared by its fields."""

    model_config = ConfigDict(frozen=True)
