"""The packaged template, as both places get it: sound, and no wider open than it has to be."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filmgate.adapters.s3 import S3SegmentStore
from filmgate.dedupe.index.settings import MERGE_MEMORY, IndexSettings
from filmgate.pipeline.artifacts import comparisons_address
from filmgate.pipeline.budget import MatchBudget
from filmgate.settings import Environment
from filmgate_local import daemon
from filmgate_local.layout import CHECKOUT
from filmgate_local.package import UPDATE, Template, osls, package
from filmgate_packaging import layers, zips
from functions.compact import handler as compact
from tests.deployed import FUNCTIONS, logical, name_of
from tests.stack import RunningStack

pytestmark = pytest.mark.stack

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
    return package(CHECKOUT, local.info.endpoint_url, local.aws.keys).update


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


def test_cfn_lint_finds_nothing(template: Template, tmp_path: Path) -> None:
    written = tmp_path / "template.json"
    written.write_text(json.dumps(template))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1"]
    command += ["--ignore-checks", PACKAGERS_OWN, "--template", str(written)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_every_function_has_a_role_of_its_own(template: Template) -> None:
    functions = of(template, "AWS::Lambda::Function")
    assert set(functions) == {logical(name) for name in FUNCTIONS}
    names = {properties["FunctionName"] for properties in functions.values()}
    assert names == {f"filmgate-local-{name_of(name)}" for name in FUNCTIONS}
    assert template["Outputs"]["FunctionNames"]["Value"] == ",".join(map(name_of, FUNCTIONS))
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
    function = of(template, "AWS::Lambda::Function")[logical(name)]
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def read_by(name: str) -> Iterator[tuple[str, bool]]:
    """(variable, whether it must be there) of every setting that a function's handler takes."""
    handler = importlib.import_module(f"functions.{name}.handler")
    for thing in vars(handler).values():
        if isinstance(thing, type) and issubclass(thing, Environment):
            for field, described in thing.model_fields.items():
                yield f"FILMGATE_{field.upper()}", described.is_required()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gets_the_variables_it_reads_and_no_other(template: Template, name: str) -> None:
    variables = variables_of(template, name)
    given = {variable for variable in variables if variable.startswith("FILMGATE_")}
    read = dict(read_by(name))
    assert {variable for variable, required in read.items() if required} <= given
    assert given <= set(read)
    assert variables["POWERTOOLS_SERVICE_NAME"] == name_of(name)
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Filmgate"
    references = [value for value in variables.values() if isinstance(value, dict)]
    assert all(set(value) == {"Ref"} for value in references)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_reaches_what_its_function_has_a_variable_for(template: Template, name: str) -> None:
    function = of(template, "AWS::Lambda::Function")[logical(name)]
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
    sources = {
        mapping["EventSourceArn"]["Fn::GetAtt"][0]
        for mapping in of(template, "AWS::Lambda::EventSourceMapping").values()
        if named_in(mapping["FunctionName"]) == {logical(name)}
    }
    assert reached == named | sources | {logical(name, "LogGroup")}


def named_in(resource: dict[str, Any]) -> set[str]:
    """Logical names of the resources that an ARN in a policy is made of."""
    if "Ref" in resource:
        return {resource["Ref"]}
    if "Fn::GetAtt" in resource:
        return {resource["Fn::GetAtt"][0]}
    return set(re.findall(r"\$\{(\w+)\.Arn\}", resource["Fn::Sub"]))


def test_a_listing_is_bound_to_the_prefixes_that_a_role_reads(template: Template) -> None:
    for role, statement in statements(template):
        if "s3:ListBucket" not in listed(statement["Action"]):
            continue
        assert listed(statement["Action"]) == ["s3:ListBucket"], role
        (bucket,) = named_in(statement["Resource"])
        prefixes = set(listed(statement["Condition"]["StringLike"]["s3:prefix"]))
        readable = {
            prefix
            for other, granted in statements(template)
            if other == role and "s3:GetObject" in listed(granted["Action"])
            for resource in listed(granted["Resource"])
            if named_in(resource) == {bucket}
            for prefix in [resource["Fn::Sub"].partition(".Arn}/")[2]]
        }
        assert prefixes == readable, role


def test_no_browser_is_turned_away_by_the_api_or_the_buckets(template: Template) -> None:
    api = of(template, "AWS::ApiGatewayV2::Api")["HttpApi"]["CorsConfiguration"]
    assert api["AllowOrigins"] == ["*"]
    assert {"content-type", "x-api-key"} <= set(api["AllowHeaders"])
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(api["AllowMethods"])
    buckets = of(template, "AWS::S3::Bucket")
    for logical_name, wanted in (
        ("RawBucket", {"POST", "GET", "HEAD"}),
        ("ArtifactsBucket", {"GET", "HEAD"}),
    ):
        rules = buckets[logical_name]["CorsConfiguration"]["CorsRules"]
        assert {method for rule in rules for method in rule["AllowedMethods"]} == wanted
        assert {origin for rule in rules for origin in rule["AllowedOrigins"]} == {"*"}


def test_a_flood_is_turned_away_before_it_costs_a_function(template: Template) -> None:
    stage = of(template, "AWS::ApiGatewayV2::Stage")["HttpApiStage"]["DefaultRouteSettings"]
    assert stage["ThrottlingRateLimit"] == 100
    assert stage["ThrottlingBurstLimit"] == 200
    # A new account has too little concurrency to reserve some of it.
    functions = of(template, "AWS::Lambda::Function").values()
    assert not any("ReservedConcurrentExecutions" in function for function in functions)
    mapping = next(
        mapping
        for mapping in of(template, "AWS::Lambda::EventSourceMapping").values()
        if named_in(mapping["FunctionName"]) == {logical("ingest")}
    )
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 50}


def test_the_access_log_says_nothing_of_who_asked_for_what(template: Template) -> None:
    stage = of(template, "AWS::ApiGatewayV2::Stage")["HttpApiStage"]
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert logged == {
        "requestId": "$context.requestId",
        "routeKey": "$context.routeKey",
        "status": "$context.status",
        "latency": "$context.responseLatency",
        "integrationError": "$context.integrationErrorMessage",
    }


def test_buckets_are_named_so_that_a_stage_fits_into_each_region(template: Template) -> None:
    for logical_name in ("RawBucket", "ArtifactsBucket"):
        name = of(template, "AWS::S3::Bucket")[logical_name]["BucketName"]["Fn::Sub"]
        assert name.endswith("-${AWS::Region}-${AWS::AccountId}")
        longest = name.replace("${AWS::Region}", "ap-southeast-1").replace(
            "${AWS::AccountId}", "0" * 12
        )
        assert len(longest.replace("-local-", "-" + "s" * 16 + "-")) <= 63


def test_what_nobody_reads_again_is_deleted(template: Template) -> None:
    buckets = of(template, "AWS::S3::Bucket")
    rules = {
        rule["Id"]: rule for rule in buckets["ArtifactsBucket"]["LifecycleConfiguration"]["Rules"]
    }
    merged = rules["merged-segments"]
    assert merged["Prefix"] == index_prefix() == "index/"
    assert merged["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rules["comparisons"]["ExpirationInDays"] == 90
    assert comparisons_address("t", "s", "e", "j").startswith(rules["comparisons"]["Prefix"])
    for bucket in ("RawBucket", "ArtifactsBucket"):
        old = {r["Id"]: r for r in buckets[bucket]["LifecycleConfiguration"]["Rules"]}[
            "old-versions"
        ]
        assert old["ExpiredObjectDeleteMarker"] is True


def index_prefix() -> str:
    return S3SegmentStore._key("tenant", "segment").partition("tenant")[0]


def test_logs_end_after_thirty_days(template: Template) -> None:
    groups = of(template, "AWS::Logs::LogGroup")
    assert len(groups) >= len(FUNCTIONS) + 1
    assert {group["RetentionInDays"] for group in groups.values()} == {30}


def test_buckets_are_closed_versioned_and_tidied(template: Template) -> None:
    for name in ("RawBucket", "ArtifactsBucket"):
        bucket = of(template, "AWS::S3::Bucket")[name]
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
        # Encrypted all the same; true would mean a key that is billed by the request.
        assert "SSESpecification" not in table


def test_the_queue_waits_longer_than_the_function_works(template: Template) -> None:
    queues = of(template, "AWS::SQS::Queue")
    queue, letters = queues["IngestQueue"], queues["IngestDeadLetters"]
    ingest = of(template, "AWS::Lambda::Function")[logical("ingest")]
    assert queue["VisibilityTimeout"] >= 6 * ingest["Timeout"]
    assert letters["MessageRetentionPeriod"] == 14 * 24 * 3600
    recording = of(template, "AWS::Lambda::Function")[logical("dead_letters")]
    assert queues["IngestFailures"]["VisibilityTimeout"] >= 6 * recording["Timeout"]
    mappings = of(template, "AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 2
    for mapping in mappings.values():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_is_given_up_is_recorded_and_then_kept(template: Template) -> None:
    """Uploads -> IngestQueue -> IngestFailures -> dead-letters -> IngestDeadLetters."""
    queues = of(template, "AWS::SQS::Queue")
    first, failures = queues["IngestQueue"], queues["IngestFailures"]
    target = first["RedrivePolicy"]["deadLetterTargetArn"]
    assert target == {"Fn::GetAtt": ["IngestFailures", "Arn"]}
    kept = failures["RedrivePolicy"]["deadLetterTargetArn"]
    assert kept == {"Fn::GetAtt": ["IngestDeadLetters", "Arn"]}
    assert "RedrivePolicy" not in queues["IngestDeadLetters"]
    # A fault of a few minutes costs no upload: 30 s, then twice as long each time.
    tries = first["RedrivePolicy"]["maxReceiveCount"]
    waits_s = [min(30 * 2**number, 900) for number in range(tries - 1)]
    assert 10 * 60 <= sum(waits_s) <= 30 * 60


def test_an_event_that_reaches_no_queue_lands_among_the_dead_letters(template: Template) -> None:
    rule = of(template, "AWS::Events::Rule")["UploadedRule"]
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    letters = {"Fn::GetAtt": ["IngestFailures", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": letters}
    queues = {"IngestQueue": target["Arn"], "IngestFailures": letters}
    for policy in of(template, "AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Queues"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == queues.pop(queue["Ref"])
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert source == {"Fn::GetAtt": ["UploadedRule", "Arn"]}
    assert not queues


def states_of(template: Template, workflow: str) -> dict[str, dict[str, Any]]:
    """The states of a state machine, those inside its maps included."""
    machine = of(template, "AWS::StepFunctions::StateMachine")[workflow]
    found: dict[str, dict[str, Any]] = {}
    waiting = [json.loads(machine["DefinitionString"]["Fn::Sub"][0])]
    while waiting:
        for name, state in waiting.pop()["States"].items():
            found[name] = state
            if state["Type"] == "Map":
                waiting.append(state["ItemProcessor"])
    return found


def test_executions_that_fail_are_logged_and_no_others(template: Template) -> None:
    machines = of(template, "AWS::StepFunctions::StateMachine")
    kinds = {name: machine["StateMachineType"] for name, machine in machines.items()}
    assert kinds == {
        "AnalyzeExpress": "EXPRESS",
        "AnalyzeStandard": "STANDARD",
        "Backfill": "STANDARD",
    }
    levels = {machine["LoggingConfiguration"]["Level"] for machine in machines.values()}
    assert levels == {"ERROR"}


@pytest.mark.parametrize("workflow", ["AnalyzeExpress", "AnalyzeStandard"])
def test_every_task_retries_what_passes_and_records_what_does_not(
    template: Template, workflow: str
) -> None:
    states = states_of(template, workflow)
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    recording = {"RecordFailure", "RecordJobFailure"}
    assert set(tasks) == {"Derive", "RunEngine"} | recording
    for name, task in tasks.items():
        throttled, passing = task["Retry"][:2]
        assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        assert "TransientError" in passing["ErrorEquals"]
        assert not {"States.ALL", "States.TaskFailed"} & set(passing["ErrorEquals"])
        assert {throttled["JitterStrategy"], passing["JitterStrategy"]} == {"FULL"}
        if name not in recording:
            (catch,) = task["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"]
            assert catch["Next"] in recording
    assert states["RecordFailure"]["Next"] == "Failed"
    assert states["Failed"]["Type"] == "Fail"


def test_a_picture_that_hangs_is_recorded_within_five_minutes(template: Template) -> None:
    states = states_of(template, "AnalyzeExpress")
    limits = [state["TimeoutSeconds"] for state in states.values() if state["Type"] == "Task"]
    assert sum(limits) < 300


def test_comparing_stops_before_its_step_does(template: Template) -> None:
    """With room for what comes before and after, and for one long comparison."""
    step = states_of(template, "AnalyzeExpress")["RunEngine"]
    assert 2 * MatchBudget().image_s <= step["TimeoutSeconds"]
    function = of(template, "AWS::Lambda::Function")[logical("dedupe")]
    assert 1.5 * MatchBudget().other_s <= function["Timeout"]


def test_a_merge_of_segments_fits_into_its_function(template: Template) -> None:
    """With what the interpreter and the libraries take; where it is measured:
    tests/unit/dedupe/index/test_compaction.py. Its input lies in /tmp meanwhile."""
    rule, interpreter = IndexSettings(), 300 * 1024**2
    function = of(template, "AWS::Lambda::Function")[logical("compact")]
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
    assert dashboard_rows(template, "Duration") == {logical(name) for name in FUNCTIONS}
    assert dashboard_rows(template, "Errors") == {logical(name) for name in FUNCTIONS}
    for name in FUNCTIONS:
        assert ("Errors", json.dumps({"Ref": logical(name)})) in watched
    for workflow in ("AnalyzeExpress", "AnalyzeStandard", "Backfill"):
        assert ("ExecutionsFailed", json.dumps({"Ref": workflow})) in watched
    metrics = {metric for metric, _ in watched}
    assert metrics >= {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}
    assert ("InvocationsFailedToBeSentToDlq", json.dumps({"Ref": "UploadedRule"})) in watched
    for alarm in of(template, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"


def dashboard_rows(template: Template, metric: str) -> set[str]:
    """Logical names of the functions whose metric the dashboard shows."""
    (dashboard,) = of(template, "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    rows = [row for widget in widgets for row in widget["properties"]["metrics"]]
    return {row[3].strip("${}") for row in rows if row[:2] == ["AWS/Lambda", metric]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_folder_holds_all_that_a_function_is(function: str) -> None:
    folder = CHECKOUT / "functions" / function
    names = {file.name for file in folder.iterdir() if file.is_file()}
    assert names >= {"handler.py", "function.yml", "role.yml", "event.json"}


def test_a_function_is_added_by_a_folder_alone(local: RunningStack, tmp_path: Path) -> None:
    """In a copy of the checkout: its function, role, alarm and rows come by themselves."""
    copy = tmp_path / "checkout"
    for name in (
        "serverless.yml",
        "package.json",
        "functions",
        "infra/resources",
        "infra/workflows",
    ):
        source, target = CHECKOUT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(CHECKOUT / "infra" / "packaging", copy / "infra" / "packaging")
    (copy / "node_modules").symlink_to(CHECKOUT / "node_modules")
    shutil.copytree(copy / "functions" / "finish", copy / "functions" / "say_hello")
    built = copy / "layers"
    for layer in (layers.CORE, *layers.THIRD_PARTY):
        zips.write(built / f"{layer}.zip", [])
    parameters = {"tracing": "true", "concurrency-api": "20", "tracing-layer": "arn:layer"}
    osls(copy, copy / "out", built, local.info.endpoint_url, local.aws.keys, parameters=parameters)
    template: Template = json.loads((copy / "out" / UPDATE).read_text())
    assert logical("say_hello") in template["Resources"]
    assert logical("say_hello", "ErrorsAlarm") in template["Resources"]
    assert logical("say_hello") in dashboard_rows(template, "Duration")
    assert "say-hello" in template["Outputs"]["FunctionNames"]["Value"].split(",")
    assert daemon.in_turn(copy).index("say-hello") < daemon.in_turn(copy).index("ingest")
    # And what parameters change of every function.
    functions = of(template, "AWS::Lambda::Function")
    assert all(function["TracingConfig"] == {"Mode": "Active"} for function in functions.values())
    assert all(function["Layers"][-1] == "arn:layer" for function in functions.values())
    assert functions[logical("api")]["ReservedConcurrentExecutions"] == 20
    traced = {role for role, s in statements(template) if "xray:PutTraceSegments" in s["Action"]}
    assert traced == {logical(name, "Role") for name in [*FUNCTIONS, "say_hello"]}
