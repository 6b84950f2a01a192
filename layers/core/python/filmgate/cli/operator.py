"""The deployment that an operator's command uses: the local stack, or a stage on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmgate.cli.context import local_stack, project_root

if TYPE_CHECKING:
    from filmgate.adapters.operations import Deployment


def deployment(stage: str | None) -> Deployment:
    """The stage, reached with the operator's AWS credentials, or the local stack by default.

    Raises CliError.
    """
    import boto3  # noqa: PLC0415 - 150 ms

    from filmgate.adapters.operations import Addresses, Deployment  # noqa: PLC0415

    if stage is not None:
        return Deployment.on_aws(stage, boto3.Session())
    from filmgate_local.credentials import root_keys  # noqa: PLC0415 - beside the product
    from filmgate_local.layout import Home  # noqa: PLC0415

    local = local_stack()
    keys = root_keys(Home(project_root().resolve()))
    session = boto3.Session(
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name=local["region"],
    )
    at = Addresses(
        stage=local["stage"],
        queue_url=local["ingest_queue_url"],
        dead_letters_url=local["dead_letters_url"],
        keys_table=local["tables"]["keys"],
        functions=tuple(local["functions"]),
    )
    return Deployment(at, session, local["endpoint_url"])
