"""AWS events as functions receive them, with the fields that Filmgate uses."""

from __future__ import annotations

from pydantic import Field

from filmgate.model import FrozenModel
from filmgate.pipeline.uploads import Upload


class _S3Object(FrozenModel):
    """The object of an event. The key is not URL-encoded."""

    key: str
    version_id: str | None = Field(None, alias="version-id")


class _Detail(FrozenModel):
    object: _S3Object


class ObjectCreated(FrozenModel):
    """An S3 event as EventBridge sends it."""

    detail: _Detail

    @property
    def upload(self) -> Upload:
        """The uploaded object."""
        return Upload(self.detail.object.key, self.detail.object.version_id)
