"""Deploys a packaged template with boto3, then sets what the local CloudFormation ignores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from filmgate_local.credentials import RootKeys
from filmgate_local.layout import REGION, STACK, StackError
from filmgate_local.package import Packaged, Template

BUCKET = "ServerlessDeploymentBucket"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM")
UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
WAIT = {"Delay": 0.1, "MaxAttempts": 1200}
FAILED_EVENTS_SHOWN = 5
MESSAGE_CHARACTERS = 500


class LocalAws:
    """boto3 clients of one local AWS, as its root user."""

    def __init__(self, endpoint: str, keys: RootKeys) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._session = boto3.Session(
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            region_name=REGION,
        )

    def client(self, service: str) -> Any:
        """A client of the service; its type depends on the name, so it is Any."""
        config = Config(
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path"},
            # Otherwise boto3 presigns with version 2, which the local AWS does not accept.
            signature_version="s3v4" if service == "s3" else None,
        )
        make: Any = self._session.client
        return make(service, endpoint_url=self.endpoint, config=config)


def stack_status(aws: LocalAws) -> str | None:
    """CloudFormation's status of the stack; None when it does not exist."""
    try:
        stacks = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return str(stacks[0]["StackStatus"])


def deploy(aws: LocalAws, packaged: Packaged) -> None:
    """Create or update the stack. Raises StackError with the events that failed."""
    formation = aws.client("cloudformation")
    status = stack_status(aws)
    if status is not None and status not in UPDATABLE:
        formation.delete_stack(StackName=STACK)
        _wait(formation, "stack_delete_complete")
        status = None
    if status is None:
        formation.create_stack(
            StackName=STACK, TemplateBody=json.dumps(packaged.create), Capabilities=CAPABILITIES
        )
        _wait(formation, "stack_create_complete")
    bucket = resources(aws)[BUCKET]
    _upload(aws, bucket, packaged)
    try:
        formation.update_stack(
            StackName=STACK,
            TemplateURL=_stored_template(aws, bucket, packaged),
            Capabilities=CAPABILITIES,
        )
    except ClientError as error:
        message = str(error.response["Error"]["Message"])
        if "No updates are to be performed" in message:
            return
        raise StackError(f"The template was refused: {message[:MESSAGE_CHARACTERS]}") from error
    _wait(formation, "stack_update_complete")
    settle(aws, packaged.update)


def resources(aws: LocalAws) -> dict[str, str]:
    """Physical id by logical id of everything in the stack."""
    described = aws.client("cloudformation").describe_stack_resources(StackName=STACK)
    return {
        entry["LogicalResourceId"]: entry["PhysicalResourceId"]
        for entry in described["StackResources"]
    }


def outputs(aws: LocalAws) -> dict[str, str]:
    """The stack's outputs by name."""
    stack = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", [])}


def settle(aws: LocalAws, template: Template) -> None:
    """Set what ministack ignores in a template but supports through its API.

    These are the tables' TTL and point-in-time recovery, the buckets' lifecycles and CORS, and the
    CORS of the HTTP API. The buckets' policies are deleted: they require TLS, which the loopback
    interface does not have.
    """
    physical = resources(aws)
    for logical, properties in _of_type(template, "AWS::DynamoDB::Table"):
        _settle_table(aws.client("dynamodb"), physical[logical], properties)
    for logical, properties in _of_type(template, "AWS::S3::Bucket"):
        _settle_bucket(aws.client("s3"), physical[logical], properties)
    for logical, properties in _of_type(template, "AWS::ApiGatewayV2::Api"):
        if cors := properties.get("CorsConfiguration"):
            aws.client("apigatewayv2").update_api(ApiId=physical[logical], CorsConfiguration=cors)
    for _, properties in _of_type(template, "AWS::S3::BucketPolicy"):
        aws.client("s3").delete_bucket_policy(Bucket=physical[properties["Bucket"]["Ref"]])


def _settle_table(dynamodb: Any, table: str, properties: dict[str, Any]) -> None:
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification=recovery
        )
    if ttl := properties.get("TimeToLiveSpecification"):
        now = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if now["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)


def _settle_bucket(s3: Any, bucket: str, properties: dict[str, Any]) -> None:
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": rules}
        )
    if cors := properties.get("CorsConfiguration"):
        rules = [_cors_rule(rule) for rule in cors["CorsRules"]]
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def _lifecycle_rule(given: dict[str, Any]) -> dict[str, Any]:
    """Convert a lifecycle rule from CloudFormation's format to that of the S3 API."""
    rule = {"ID": given["Id"], "Status": given["Status"]}
    rule["Filter"] = {"Prefix": given.get("Prefix", "")}
    if "ExpirationInDays" in given:
        rule["Expiration"] = {"Days": int(given["ExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in given:
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in given:
            rule[name] = given[name]
    return rule


def _cors_rule(given: dict[str, Any]) -> dict[str, Any]:
    """Convert a CORS rule from CloudFormation's format to that of the S3 API."""
    renamed = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {renamed.get(name, name): value for name, value in given.items()}


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for logical, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield logical, resource.get("Properties", {})


def _upload(aws: LocalAws, bucket: str, packaged: Packaged) -> None:
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="artefacts/").get("Contents", [])
    stored = {entry["Key"] for entry in listed}
    for key, file in packaged.artefacts.items():
        if key not in stored:
            s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())


def _stored_template(aws: LocalAws, bucket: str, packaged: Packaged) -> str:
    """Store the whole template, which is too long for a request, in the bucket; its URL."""
    key = f"templates/{packaged.digest}.json"
    body = json.dumps(packaged.update).encode()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"{aws.endpoint}/{bucket}/{key}"


def _wait(formation: Any, what: str) -> None:
    try:
        formation.get_waiter(what).wait(StackName=STACK, WaiterConfig=WAIT)
    except WaiterError as error:
        events = formation.describe_stack_events(StackName=STACK)["StackEvents"]
        failed = [
            f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        shown = "\n".join(failed[:FAILED_EVENTS_SHOWN])
        raise StackError(f"The template could not be deployed:\n{shown or error}") from error
