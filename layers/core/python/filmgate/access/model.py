"""API keys: what they look like, what is kept of them."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

from filmgate.model import FrozenModel

PREFIX = "fg_"
_KEY = re.compile(r"fg_[A-Za-z0-9_-]{43}")
_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MAX_LABEL_CHARACTERS = 200
KEY_ID_CHARACTERS = 12


class KeyRecord(FrozenModel):
    """What is stored of an API key; the key itself is not.

    Attributes:
        key_hash: 64 hex digits, SHA-256 of the key.
        label: what the operator calls it.
        expires_at: from when on it does not work; None for never.
        revoked_at: since when it does not work; None while it does.
    """

    key_hash: str
    tenant: str
    label: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """A name for people: the first 12 digits of the hash (48 bits)."""
        return self.key_hash[:KEY_ID_CHARACTERS]

    def works(self, at: datetime) -> bool:
        """Whether the key opens anything at that time."""
        expired = self.expires_at is not None and at >= self.expires_at
        return not expired and self.revoked_at is None


def new_key() -> str:
    """A fresh API key: `fg_` and 256 random bits in URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(32)


def well_formed(key: str) -> bool:
    """Whether this could be a key at all; saves a look-up for what cannot."""
    return _KEY.fullmatch(key) is not None


def hash_key(key: str) -> str:
    """SHA-256 in hex.

    No salt and no slow hash: a key has 256 random bits, so there is no dictionary to try.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def valid_tenant(tenant: str) -> bool:
    """1 to 63 of a-z, 0-9 and inner hyphens: safe in S3 keys and as the head of table keys."""
    return _TENANT.fullmatch(tenant) is not None
