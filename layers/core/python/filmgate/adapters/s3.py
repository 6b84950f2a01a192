"""Objects and segments in S3."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from filmgate.adapters.clients import OBJECTS
from filmgate.errors import FilmgateError, NotFound, TransientError
from filmgate.library.ports import SignedPost

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_CHUNK_BYTES = 1024 * 1024
_ASSET_ID = re.compile(r"/([0-9a-f]{26}|[0-9a-f]{64})(?=/)")
"""In a key: an asset's id, or the SHA-256 of its content."""
_MISSING = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
_LASTING = {"403", "AccessDenied", "InvalidArgument", "400", "NoSuchBucket"}


@cache
def _client() -> S3Client:
    return boto3.client("s3", config=OBJECTS)


def _named(key: str) -> str:
    """What logs and records may say of an object: not its key, which can end in a file's name."""
    place, _, rest = key.partition("/")
    found = _ASSET_ID.search(f"/{rest}")
    return f"{place} object of {found[1]}" if found else f"{place} object"


@contextmanager
def _errors(key: str) -> Iterator[None]:
    """Our own errors for those of S3, which are not chained: they quote URLs with the key."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _MISSING:
            raise NotFound(f"there is no {_named(key)}") from None
        if code in _LASTING:
            raise FilmgateError(f"S3 refused the {_named(key)}: {code}") from None
        raise TransientError(f"S3 did not answer for the {_named(key)}: {code}") from None
    except BotoCoreError as error:
        kind = type(error).__name__
        raise TransientError(f"S3 cannot be reached for the {_named(key)}: {kind}") from None


class S3Objects:
    """`filmgate.library.ports.ObjectStore` and `Signer` over the two buckets.

    A function that uses one bucket only leaves the other None; asking for it is a ValueError.
    """

    def __init__(self, raw_bucket: str | None, artifacts_bucket: str | None) -> None:
        self._buckets = {"raw": raw_bucket, "artifacts": artifacts_bucket}

    def size(self, bucket: str, key: str, version_id: str | None = None) -> int:
        """Bytes. Raises NotFound, TransientError."""
        with _errors(key):
            if version_id is None:
                head = _client().head_object(Bucket=self._name(bucket), Key=key)
            else:
                head = _client().head_object(
                    Bucket=self._name(bucket), Key=key, VersionId=version_id
                )
        return head["ContentLength"]

    def download(
        self, bucket: str, key: str, target: Path, *, version_id: str | None = None
    ) -> str:
        """Stream to a file; its SHA-256 in hex. Raises NotFound, TransientError."""
        digest = hashlib.sha256()
        with _errors(key):
            if version_id is None:
                answer = _client().get_object(Bucket=self._name(bucket), Key=key)
            else:
                answer = _client().get_object(
                    Bucket=self._name(bucket), Key=key, VersionId=version_id
                )
            with target.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
        return digest.hexdigest()

    def get(self, bucket: str, key: str) -> bytes:
        """Raises NotFound, TransientError."""
        with _errors(key):
            return _client().get_object(Bucket=self._name(bucket), Key=key)["Body"].read()

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Raises TransientError."""
        with _errors(key):
            _client().put_object(
                Bucket=self._name(bucket), Key=key, Body=body, ContentType=content_type
            )

    def exists(self, bucket: str, key: str) -> bool:
        """Raises TransientError."""
        try:
            self.size(bucket, key)
        except NotFound:
            return False
        return True

    def delete_versions(self, bucket: str, key: str) -> None:
        """Raises TransientError."""
        self._delete(bucket, key, lambda listed: listed == key)

    def delete_prefix(self, bucket: str, prefix: str) -> None:
        """Raises ValueError for a prefix that does not end with a slash, TransientError."""
        if not prefix.strip("/") or not prefix.endswith("/"):
            raise ValueError(f"{prefix!r} is not a folder")
        self._delete(bucket, prefix, lambda _: True)

    def _delete(self, bucket: str, prefix: str, chosen: Callable[[str], bool]) -> None:
        """Remove versions and delete markers, a page of the listing (1,000) at a time."""
        name = self._name(bucket)
        with _errors(prefix):
            pages = _client().get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=name, Prefix=prefix):
                entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                doomed: list[ObjectIdentifierTypeDef] = [
                    {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                    for entry in entries
                    if chosen(entry["Key"])
                ]
                if doomed:
                    answer = _client().delete_objects(Bucket=name, Delete={"Objects": doomed})
                    if answer.get("Errors"):
                        raise TransientError(f"S3 did not delete {len(answer['Errors'])} objects")

    def presign_post(
        self, key: str, *, content_type: str, min_bytes: int, max_bytes: int, expires_s: int
    ) -> SignedPost:
        """S3 refuses another key or type, and a size outside min_bytes..max_bytes."""
        form = _client().generate_presigned_post(
            self._name("raw"),
            key,
            Fields={"Content-Type": content_type},
            Conditions=[
                {"Content-Type": content_type},
                ["content-length-range", min_bytes, max_bytes],
            ],
            ExpiresIn=expires_s,
        )
        return SignedPost(url=form["url"], fields=dict(form["fields"]))

    def presign_get(
        self,
        bucket: str,
        key: str,
        expires_s: int,
        *,
        version_id: str | None = None,
        file_name: str | None = None,
    ) -> str:
        """A URL to read one object, good for so many seconds."""
        params = {"Bucket": self._name(bucket), "Key": key}
        if version_id is not None:
            params["VersionId"] = version_id
        if file_name is not None:
            params["ResponseContentDisposition"] = f'attachment; filename="{file_name}"'
        return _client().generate_presigned_url("get_object", Params=params, ExpiresIn=expires_s)

    def _name(self, bucket: str) -> str:
        name = self._buckets[bucket]
        if name is None:
            raise ValueError(f"this function has no {bucket} bucket")
        return name


class S3SegmentStore:
    """`filmgate.dedupe.index.stores.SegmentStore` in the artifacts bucket, under
    ``index/{tenant}/segments/{id}.seg``."""

    def __init__(self, artifacts_bucket: str) -> None:
        self._bucket = artifacts_bucket
        self._objects = S3Objects(None, artifacts_bucket)

    def put(self, tenant: str, segment_id: str, body: bytes) -> None:
        """Raises TransientError."""
        key = self._key(tenant, segment_id)
        self._objects.put("artifacts", key, body, "application/octet-stream")

    def fetch(self, tenant: str, segment_id: str, target: Path) -> None:
        """Raises NotFound, TransientError."""
        self._objects.download("artifacts", self._key(tenant, segment_id), target)

    def remove(self, tenant: str, segment_id: str) -> None:
        """Raises TransientError."""
        key = self._key(tenant, segment_id)
        with _errors(key):
            _client().delete_object(Bucket=self._bucket, Key=key)

    def list(self, tenant: str) -> list[tuple[str, datetime]]:
        """Ids and when they were written. Raises TransientError."""
        prefix = self._key(tenant, "").removesuffix(".seg")
        found = []
        with _errors(prefix):
            pages = _client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for row in page.get("Contents", []):
                    name = row["Key"].removeprefix(prefix).removesuffix(".seg")
                    found.append((name, row["LastModified"]))
        return found

    @staticmethod
    def _key(tenant: str, segment_id: str) -> str:
        return f"index/{tenant}/segments/{segment_id}.seg"
