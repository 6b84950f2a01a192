"""Limits on media that a deployment can set."""

from __future__ import annotations

from filmgate.media.limits import Limits
from filmgate.settings import Environment


class LimitSettings(Environment):
    """Limits on media, as JSON of `filmgate.media.limits.Limits`."""

    limits: Limits = Limits()
