"""The packaged template, as both places get it: sound, and no wider open than it has to be."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filmgate.dedupe.index.settings import MERGE_MEMORY, IndexSettings
from filmgate.pipeline.budget import MatchBudget
from filmgate.settings import Environment
from filmgate_local.layout import CHECKOUT
from filmgate_local.package import Template, package
from functions.compact import handler as compact
from tests.stack import RunningStack

pytestmark = pytest.mark.stack

FUNCTIONS = {"ingest", "fingerprint", "match", "decide", "finish", "api", "compact"}
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
"""Actions that AWS grants on every resource or not at all."""

PACKAGERS_OWN = "W3005"
"""A dependency named twice: osls writes both, and it does no harm."""


@pytest.fixture(scope="module")
def template(local: RunningStack) -> Template:
    return package(CHECKOUT, local.info.endpoint_url).update


def of(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical name of the resources of a kind."""
    return {
        logical: resource.get("Properties", {})
        for logical, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, statement) of every inline policy."""
    for role, properties in of(template, "AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield role, statement


def function_of(name: str) -> str:
    return f"{name.capitalize()}LambdaFunction"


def test_cfn_lint_finds_nothing(template: Template, tmp_path: Path) -> None:
    written = tmp_path / "template.json"
    written.write_text(json.dumps(template))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1"]
    command += ["--ignore-checks", PACKAGERS_OWN, "--template", str(written)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_every_function_has_a_role_of_its_own(template: Template) -> None:
    functions = of(template, "AWS::Lambda::Function")
    assert set(functions) == {function_of(name) for name in FUNCTIONS}
    roles = [properties["Role"]["Fn::GetAtt"][0] for properties in functions.values()]
    assert len(set(roles)) == len(roles)
    assert not any("ManagedPolicyArns" in role for role in of(template, "AWS::IAM::Role").values())


def test_no_role_may_do_everything_to_anything(template: Template) -> None:
    for role, statement in statements(template):
        actions, resources = listed(statement["Action"]), listed(statement["Resource"])
        assert not [action for action in actions if "*" in action], role
        if "*" in resources:
            assert set(actions) <= LOG_DELIVERY, role


def test_roles_name_resources_of_this_stack(template: Template) -> None:
    for role, statement in statements(template):
        for resource in listed(statement["Resource"]):
            assert resource == "*" or isinstance(resource, dict), (role, resource)


def test_nobody_may_delete_what_tenants_own(template: Template) -> None:
    granted = {
        (role, action)
        for role, statement in statements(template)
        for action in listed(statement["Action"])
    }
    assert {role for role, action in granted if action.startswith("s3:Delete")} == {"CompactRole"}
    for role, statement in statements(template):
        if "dynamodb:DeleteItem" in listed(statement["Action"]):
            assert statement["Resource"] == {"Fn::GetAtt": ["IdempotencyTable", "Arn"]}, role


def variables_of(template: Template, name: str) -> dict[str, Any]:
    function = of(template, "AWS::Lambda::Function")[function_of(name)]
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def read_by(name: str) -> Iterator[tuple[str, bool]]:
    """(variable, whether it must be there) of every setting that a function's handler takes."""
    handler = importlib.import_module(f"functions.{name}.handler")
    for thing in vars(handler).values():
        if isinstance(thing, type) and issubclass(thing, Environment):
            for field, described in thing.model_fields.items():
                yield f"FILMGATE_{field.upper()}", described.is_required()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_gets_the_variables_it_reads_and_no_other(template: Template, name: str) -> None:
    variables = variables_of(template, name)
    given = {variable for variable in variables if variable.startswith("FILMGATE_")}
    read = dict(read_by(name))
    assert {variable for variable, required in read.items() if required} <= given
    assert given <= set(read)
    assert variables["POWERTOOLS_SERVICE_NAME"] == name
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Filmgate"
    references = [value for value in variables.values() if isinstance(value, dict)]
    assert all(set(value) == {"Ref"} for value in references)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_role_reaches_what_its_function_has_a_variable_for(template: Template, name: str) -> None:
    function = of(template, "AWS::Lambda::Function")[function_of(name)]
    own_role = function["Role"]["Fn::GetAtt"][0]
    reached = {
        logical
        for role, statement in statements(template)
        if role == own_role
        for resource in listed(statement["Resource"])
        for logical in named_in(resource)
    }
    named = {
        value["Ref"] for value in variables_of(template, name).values() if isinstance(value, dict)
    }
    events = {"IngestQueue"} if name == "ingest" else set()
    assert reached == named | events | {f"{name.capitalize()}LogGroup"}


def named_in(resource: dict[str, Any]) -> set[str]:
    """Logical names of the resources that an ARN in a policy is made of."""
    if "Ref" in resource:
        return {resource["Ref"]}
    if "Fn::GetAtt" in resource:
        return {resource["Fn::GetAtt"][0]}
    return set(re.findall(r"\$\{(\w+)\.Arn\}", resource["Fn::Sub"]))


def test_logs_end_after_thirty_days(template: Template) -> None:
    groups = of(template, "AWS::Logs::LogGroup")
    assert len(groups) >= len(FUNCTIONS) + 2
    assert {group["RetentionInDays"] for group in groups.values()} == {30}


def test_buckets_are_closed_versioned_and_tidied(template: Template) -> None:
    for logical in ("RawBucket", "ArtifactsBucket"):
        bucket = of(template, "AWS::S3::Bucket")[logical]
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        abandoned = rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"]
        assert abandoned == {"DaysAfterInitiation": 3}
    artifacts = of(template, "AWS::S3::Bucket")["ArtifactsBucket"]["LifecycleConfiguration"]
    (segments,) = [rule for rule in artifacts["Rules"] if rule.get("Prefix") == "index/"]
    assert segments["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert segments["ExpiredObjectDeleteMarker"] is True
    assert segments["Status"] == "Enabled"
    (cors,) = of(template, "AWS::S3::Bucket")["RawBucket"]["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedMethods"] == ["POST"]
    policies = of(template, "AWS::S3::BucketPolicy").values()
    tls_only = {
        policy["Bucket"]["Ref"]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "aws:SecureTransport" in statement["Condition"]["Bool"]
    }
    assert tls_only >= {"RawBucket", "ArtifactsBucket"}


def test_tables_can_be_recovered_and_cost_nothing_idle(template: Template) -> None:
    tables = of(template, "AWS::DynamoDB::Table")
    assert len(tables) == 5
    for table in tables.values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert table["SSESpecification"]["SSEEnabled"] is True


def test_the_queue_waits_longer_than_the_function_works(template: Template) -> None:
    queues = of(template, "AWS::SQS::Queue")
    queue, letters = queues["IngestQueue"], queues["IngestDeadLetters"]
    ingest = of(template, "AWS::Lambda::Function")[function_of("ingest")]
    assert queue["VisibilityTimeout"] >= 6 * ingest["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert letters["MessageRetentionPeriod"] == 14 * 24 * 3600
    (mapping,) = of(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_an_event_that_reaches_no_queue_lands_among_the_dead_letters(template: Template) -> None:
    rule = of(template, "AWS::Events::Rule")["UploadedRule"]
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    letters = {"Fn::GetAtt": ["IngestDeadLetters", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": letters}
    queues = {"IngestQueue": target["Arn"], "IngestDeadLetters": letters}
    for policy in of(template, "AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Queues"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == queues.pop(queue["Ref"])
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert source == {"Fn::GetAtt": ["UploadedRule", "Arn"]}
    assert not queues


def test_images_are_express_with_logs_and_videos_standard(template: Template) -> None:
    machines = of(template, "AWS::StepFunctions::StateMachine")
    assert machines["ImageWorkflow"]["StateMachineType"] == "EXPRESS"
    assert machines["ImageWorkflow"]["LoggingConfiguration"]["Level"] == "ALL"
    assert machines["VideoWorkflow"].get("StateMachineType", "STANDARD") == "STANDARD"


@pytest.mark.parametrize("workflow", ["ImageWorkflow", "VideoWorkflow"])
def test_every_task_retries_what_passes_and_records_what_does_not(
    template: Template, workflow: str
) -> None:
    machine = of(template, "AWS::StepFunctions::StateMachine")[workflow]
    states = json.loads(machine["DefinitionString"]["Fn::Sub"][0])["States"]
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert set(tasks) == {"Fingerprint", "Match", "Decide", "Finish", "RecordFailure"}
    for name, task in tasks.items():
        throttled, passing = task["Retry"]
        assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        assert "TransientError" in passing["ErrorEquals"]
        assert not {"States.ALL", "States.TaskFailed"} & set(passing["ErrorEquals"])
        assert {throttled["JitterStrategy"], passing["JitterStrategy"]} == {"FULL"}
        if name != "RecordFailure":
            (catch,) = task["Catch"]
            assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "RecordFailure")
    assert states["RecordFailure"]["Next"] == "Failed"
    assert states["Failed"]["Type"] == "Fail"


def test_an_image_that_hangs_is_recorded_within_five_minutes(template: Template) -> None:
    machine = of(template, "AWS::StepFunctions::StateMachine")["ImageWorkflow"]
    states = json.loads(machine["DefinitionString"]["Fn::Sub"][0])["States"]
    limits = [state["TimeoutSeconds"] for state in states.values() if state["Type"] == "Task"]
    assert sum(limits) < 300


def test_comparing_stops_before_its_step_does(template: Template) -> None:
    """With room for what comes before and after, and for one long comparison."""
    machine = of(template, "AWS::StepFunctions::StateMachine")["ImageWorkflow"]
    states = json.loads(machine["DefinitionString"]["Fn::Sub"][0])["States"]
    assert 2 * MatchBudget().image_s <= states["Match"]["TimeoutSeconds"]
    function = of(template, "AWS::Lambda::Function")[function_of("match")]
    assert 1.5 * MatchBudget().other_s <= function["Timeout"]


def test_a_merge_of_segments_fits_into_its_function(template: Template) -> None:
    """With what the interpreter and the libraries take; where it is measured:
    tests/unit/dedupe/index/test_compaction.py. Its input lies in /tmp meanwhile."""
    rule, interpreter = IndexSettings(), 300 * 1024**2
    function = of(template, "AWS::Lambda::Function")[function_of("compact")]
    wanted = MERGE_MEMORY * rule.max_segment_bytes + interpreter
    assert wanted <= function["MemorySize"] * 1024**2
    assert rule.max_compact_bytes < rule.max_segment_bytes <= rule.cache_bytes
    assert rule.cache_bytes <= function["EphemeralStorage"]["Size"] * 1024**2
    assert 1000 * function["Timeout"] / 2 > compact.LONGEST_ROUND_MS


def test_everything_that_can_fail_has_an_alarm(template: Template) -> None:
    watched = {
        (alarm["MetricName"], json.dumps(alarm["Dimensions"][0]["Value"], sort_keys=True))
        for alarm in of(template, "AWS::CloudWatch::Alarm").values()
    }
    for name in FUNCTIONS:
        assert ("Errors", json.dumps({"Ref": function_of(name)})) in watched
    for workflow in ("ImageWorkflow", "VideoWorkflow"):
        assert ("ExecutionsFailed", json.dumps({"Ref": workflow})) in watched
    metrics = {metric for metric, _ in watched}
    assert metrics >= {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}
    assert ("InvocationsFailedToBeSentToDlq", json.dumps({"Ref": "UploadedRule"})) in watched
    for alarm in of(template, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
