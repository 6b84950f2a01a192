"""API keys: their format, and the record that is stored for each."""

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
    """The stored record of an API key; the key itself is not stored.

    Attributes:
        key_hash: 64 hex digits, SHA-256 of the key.
        label: the operator's name for the key.
        expires_at: when the key stops working; None if it does not expire.
        revoked_at: when the key was revoked; None if it was not.
    """

    key_hash: str
    tenant: str
    label: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """A short name for the key: the first 12 digits of the hash (48 bits)."""
        return self.key_hash[:KEY_ID_CHARACTERS]

    def works(self, at: datetime) -> bool:
        """Return whether the key is valid at that time."""
        expired = self.expires_at is not None and at >= self.expires_at
        return not expired and self.revoked_at is None


def new_key() -> str:
    """Return a new API key: `fg_` and 256 random bits in URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(32)


def well_formed(key: str) -> bool:
    """Return whether a text has the format of a key. Other texts need no lookup."""
    return _KEY.fullmatch(key) is not None


def hash_key(key: str) -> str:
    """Return the SHA-256 in hex.

    Neither a salt nor a slow hash is needed: a key has 256 random bits, so it cannot be guessed.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def valid_tenant(tenant: str) -> bool:
    """Return whether a name has 1 to 63 characters of a-z, 0-9 and inner hyphens.

    Such a name is safe in S3 keys and at the start of table keys.
    """
    return _TENANT.fullmatch(tenant) is not None
