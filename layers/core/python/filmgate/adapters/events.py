"""Events of AWS as functions get them; what is not used is left out."""

from __future__ import annotations

from pydantic import BaseModel, Field

from filmgate.pipeline.uploads import Upload


class _S3Object(BaseModel):
    """The object of an event; the key is as stored, not encoded."""

    key: str
    version_id: str | None = Field(None, alias="version-id")


class _Detail(BaseModel):
    object: _S3Object


class ObjectCreated(BaseModel):
    """S3's event as EventBridge sends it."""

    detail: _Detail

    @property
    def upload(self) -> Upload:
        """The object it tells of."""
        return Upload(self.detail.object.key, self.detail.object.version_id)
