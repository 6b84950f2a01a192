"""``python -m tests.smoke --stage dev``: whether a deployed stage does its work.

Uploads a picture and a smaller copy of it, both new to the stage, waits until they are done and
looks whether they were found to be copies. Needs FILMGATE_API_KEY, and for a stage on AWS the
operator's credentials to find the API's address; for the stage `local` neither. The two files stay
in the library of the key's tenant, so give it a key of a tenant of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from filmgate.api.models import AssetView, UploadFile
from filmgate.cli.context import connection
from filmgate.cli.errors import CliError
from filmgate.client.api import FilmgateClient
from filmgate.errors import FilmgateError
from filmgate.library.model import AssetStatus
from filmgate_local.layout import STAGE

PATIENCE_S = 300.0
PAUSE_S = 1.0


class SmokeError(Exception):
    """The stage does not do what it should; the message says what."""


def main() -> int:
    """Run; the status is 0 when all is well."""
    parser = argparse.ArgumentParser(prog="tests.smoke", description=__doc__)
    parser.add_argument("--stage", default=STAGE)
    given = parser.parse_args()
    began = time.monotonic()
    try:
        with _client(given.stage) as client, tempfile.TemporaryDirectory() as folder:
            found = check(client, Path(folder))
    except (SmokeError, CliError, FilmgateError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1
    print(f"smoke: {given.stage} is well: {found} after {time.monotonic() - began:.0f} s")
    return 0


def check(client: FilmgateClient, folder: Path, patience_s: float = PATIENCE_S) -> str:
    """Upload the pair and wait for it; what was found. Raises SmokeError, FilmgateError."""
    original, copy = _pictures(folder)
    ids = [_upload(client, file) for file in (original, copy)]
    deadline = time.monotonic() + patience_s
    assets = client.assets_by_id(ids)
    while not all(asset.status.final for asset in assets):
        if time.monotonic() > deadline:
            raise SmokeError(f"after {patience_s:.0f} s the files are {_statuses(assets)}")
        time.sleep(PAUSE_S)
        assets = client.assets_by_id(ids)
    if {asset.status for asset in assets} != {AssetStatus.DONE}:
        raise SmokeError(f"the files ended as {_statuses(assets)}")
    matches = [match for match in client.matches_of(ids[0]) if ids[1] in (match.a, match.b)]
    if not matches:
        raise SmokeError("a picture and its copy were not found to be alike")
    return f"a copy, {matches[0].verdict.match_class.value}"


def _client(stage: str) -> FilmgateClient:
    if stage == STAGE:
        local = connection()
        return FilmgateClient(local.api_url, local.api_key)
    key = os.environ.get("FILMGATE_API_KEY")
    if not key:
        raise SmokeError(
            "FILMGATE_API_KEY is not set; "
            f"make one with: filmgate keys create smoke --stage {stage}"
        )
    return FilmgateClient(os.environ.get("FILMGATE_API_URL") or _address(stage), key)


def _address(stage: str) -> str:
    import boto3

    stacks = boto3.client("cloudformation").describe_stacks(StackName=f"filmgate-{stage}")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks["Stacks"][0]["Outputs"]}
    return outputs["HttpApiUrl"]


def _pictures(folder: Path) -> tuple[Path, Path]:
    """A picture of coloured blobs that nobody has seen before, and a smaller, coarser copy."""
    blobs = np.random.default_rng().integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = Image.fromarray(blobs).resize((640, 480), Image.Resampling.BICUBIC)
    original, copy = folder / "original.jpg", folder / "copy.jpg"
    picture.save(original, quality=92)
    picture.resize((400, 300)).save(copy, quality=75)
    return original, copy


def _upload(client: FilmgateClient, file: Path) -> str:
    body = file.read_bytes()
    announced = UploadFile(
        path=f"smoke/{uuid.uuid4().hex}/{file.name}",
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        content_type="image/jpeg",
    )
    (answer,) = client.create_uploads([announced]).uploads
    if answer.upload is None:
        raise SmokeError(f"there is no place to send a new file: {answer.hint}")
    client.send(answer.upload, file)
    return answer.asset_id


def _statuses(assets: list[AssetView]) -> str:
    return ", ".join(
        f"{asset.status.value} ({asset.reason})" if asset.reason else asset.status.value
        for asset in assets
    )


if __name__ == "__main__":
    sys.exit(main())
