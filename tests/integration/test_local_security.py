"""Only a caller that can read the stack's folder may use the local AWS."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from filmgate_local import deploy
from filmgate_local.layout import Home
from filmgate_packaging import zips
from tests.stack import RunningStack

pytestmark = pytest.mark.stack

EVIL = "https://evil.example"
GOOD = "https://console.example"
TARGET = "DynamoDB_20120810.Scan"
BOUNDARY = "----boundary"


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def send(
    local: RunningStack,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request, with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", local.info.port, timeout=60)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def signed(
    local: RunningStack,
    service: str,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    key: tuple[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a POST that is signed with the key, else with the stack's own."""
    keys = local.aws.keys
    credentials = Credentials(*(key or (keys.access_key_id, keys.secret_access_key)))
    request = AWSRequest("POST", local.info.endpoint_url + path, dict(headers or {}), body)
    request.headers["Host"] = f"127.0.0.1:{local.info.port}"
    SigV4Auth(credentials, service, local.info.region).add_auth(request)
    return dict(request.headers.items())


def scan(local: RunningStack, **named: Any) -> Answer:
    """A scan of the table of keys, signed as ``signed`` does."""
    body = json.dumps({"TableName": local.info.tables["keys"]}).encode()
    plain = {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.0"}
    extra = named.pop("unsigned", {})
    headers = signed(local, "dynamodb", "/", body, headers=plain, **named)
    return send(local, "POST", "/", body, {**headers, **extra})


def form(fields: Mapping[str, str], content: bytes) -> tuple[bytes, dict[str, str]]:
    """A form upload as a browser sends it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = "".join([*parts, head]).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def stored(local: RunningStack, key: str) -> bool:
    objects = local.aws.client("s3").list_objects_v2(Bucket=local.info.raw_bucket, Prefix=key)
    return bool(objects["KeyCount"])


# The attacks of a web page that is open while the stack runs.


def test_a_web_page_cannot_create_a_function(
    local: RunningStack, role: str, tmp_path: Path
) -> None:
    module, archive = tmp_path / "evil.py", tmp_path / "evil.zip"
    module.write_text("def handler(event, context):\n    return 1\n")
    zips.write(archive, [("evil.py", module)])
    body = json.dumps({"FunctionName": "evil", "Role": role}).encode()
    path = "/2015-03-31/functions"
    well_known = signed(local, "lambda", path, body, key=("test", "test"))
    for headers in ({}, well_known, {"Content-Type": "text/plain"}):
        answer = send(local, "POST", path, body, {**headers, "Origin": EVIL})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
    names = [f["FunctionName"] for f in local.aws.client("lambda").list_functions()["Functions"]]
    assert "evil" not in names


@pytest.mark.parametrize("path", ["/", "/2015-03-31/functions", "/_ministack/reset", "/health"])
def test_a_preflight_of_a_web_page_is_refused(local: RunningStack, path: str) -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    answer = send(local, "OPTIONS", path, headers=asked)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_no_web_page_can_scan_the_keys_even_with_a_signature(local: RunningStack) -> None:
    assert scan(local).status == 200
    assert scan(local, unsigned={"Origin": EVIL}).status == 403
    assert scan(local, unsigned={"Origin": "null"}).status == 403


@pytest.mark.parametrize(
    "key", [("test", "test"), ("000000000000", "test"), ("000000000000", "000000000000")]
)
def test_the_well_known_keys_of_the_emulator_are_unknown(
    local: RunningStack, key: tuple[str, str]
) -> None:
    answer = scan(local, key=key)
    assert answer.status in {400, 403}
    assert b"security token" in answer.body


def test_a_known_key_with_a_wrong_secret_is_refused(local: RunningStack) -> None:
    answer = scan(local, key=(local.aws.keys.access_key_id, "a-guess"))
    assert answer.status in {400, 403}
    assert b"signature" in answer.body


def test_the_body_is_part_of_the_signature(local: RunningStack) -> None:
    plain = {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.0"}
    headers = signed(local, "dynamodb", "/", b'{"TableName": "other"}', headers=plain)
    body = json.dumps({"TableName": local.info.tables["keys"]}).encode()
    assert send(local, "POST", "/", body, headers).status in {400, 403}


def test_a_second_key_in_the_query_does_not_count(local: RunningStack) -> None:
    keys = local.aws.keys
    body = json.dumps({"TableName": local.info.tables["keys"]}).encode()
    plain = {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.0"}
    query = f"/?X-Amz-Credential={keys.access_key_id}/20200101/us-east-1/dynamodb/aws4_request"
    answer = send(local, "POST", query, body, plain)
    assert answer.status in {400, 403}
    session = local.aws.client("sts").get_caller_identity()
    assert session["Arn"].endswith(":root")


def test_the_keys_of_a_function_cannot_be_computed(local: RunningStack) -> None:
    """Upstream derives them from the names of the function and its role."""
    name = local.info.functions["derive"]
    found = local.aws.client("lambda").get_function_configuration(FunctionName=name)
    digest = hashlib.sha256(f"{found['FunctionArn']}:{found['Role']}".encode()).hexdigest()
    guessed = boto3.client(
        "sts",
        endpoint_url=local.info.endpoint_url,
        region_name=local.info.region,
        aws_access_key_id=f"ASIA{digest[:16].upper()}",
        aws_secret_access_key=hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        aws_session_token=hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    )
    local.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    with pytest.raises(ClientError, match="security token"):
        guessed.get_caller_identity()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/sqs/messages"),
        ("GET", "/_ministack/health"),
        ("GET", "/health"),
        ("GET", "/"),
    ],
)
def test_nothing_of_the_emulator_answers_without_a_signature(
    local: RunningStack, method: str, path: str
) -> None:
    leave = {"Content-Type": "text/plain"}
    assert send(local, method, path, b"{}" if method == "POST" else b"", leave).status == 403
    assert send(local, method, path, headers={"Origin": EVIL}).status == 403
    host = {"Host": f"x.execute-api.localhost:{local.info.port}"}
    assert send(local, method, path, headers=host).status == 403
    assert local.aws.client("dynamodb").list_tables()["TableNames"]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", ""]
)
def test_a_name_that_a_stranger_points_at_this_machine_is_refused(
    local: RunningStack, host: str
) -> None:
    headers = {"Host": f"{host}:{local.info.port}", "x-api-key": local.api_key}
    api = urlsplit(local.info.api_url).path
    for path in (f"{api}/assets", "/_filmgate", "/"):
        assert send(local, "GET", path, headers=headers).status == 403


def test_websockets_are_refused(local: RunningStack) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    api = urlsplit(local.info.api_url).path
    assert send(local, "GET", f"{api}/", headers=upgrade).status == 403


# What must keep working.


def test_the_folder_and_the_keys_are_for_their_owner_only(local: RunningStack) -> None:
    home = Home(local.root)
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.aws_credentials.stat().st_mode) == 0o600
    assert local.aws.keys.secret_access_key not in home.log.read_text()


def test_the_file_of_keys_is_one_that_aws_tools_read(
    local: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(Home(local.root).aws_credentials))
    sts = boto3.Session(region_name=local.info.region).client(
        "sts", endpoint_url=local.info.endpoint_url
    )
    assert sts.get_caller_identity()["Account"] == "000000000000"


def test_presigned_urls_work_until_they_are_changed_or_expire(local: RunningStack) -> None:
    store, bucket = local.aws.client("s3"), local.info.artifacts_bucket
    store.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"read me")
    for method, call, body in (("GET", "get_object", b""), ("PUT", "put_object", b"written")):
        named = {"Bucket": bucket, "Key": "a b/ü.txt"}
        url = store.generate_presigned_url(call, Params=named, ExpiresIn=60)
        path = url.removeprefix(local.info.endpoint_url)
        assert send(local, method, path, body).status == 200
        assert send(local, method, path.replace("txt", "txs"), body).status == 403
        assert send(local, method, path.replace("Expires=60", "Expires=600"), body).status == 403
        spent = store.generate_presigned_url(call, Params=named, ExpiresIn=-1)
        assert send(local, method, spent.removeprefix(local.info.endpoint_url), body).status == 403
        assert send(local, method, path.partition("?")[0], body).status == 403
    assert store.get_object(Bucket=bucket, Key="a b/ü.txt")["Body"].read() == b"written"


def test_a_presigned_url_of_a_stranger_is_refused(local: RunningStack) -> None:
    for key in ("test", local.aws.keys.access_key_id):
        stranger = boto3.client(
            "s3",
            endpoint_url=local.info.endpoint_url,
            region_name=local.info.region,
            aws_access_key_id=key,
            aws_secret_access_key="test",
            config=Config(signature_version="s3v4"),
        )
        named = {"Bucket": local.info.artifacts_bucket, "Key": "stolen"}
        url = stranger.generate_presigned_url("put_object", Params=named)
        path = url.removeprefix(local.info.endpoint_url)
        assert send(local, "PUT", path, b"x").status == 403


def test_only_a_signed_form_uploads_also_from_a_web_page(local: RunningStack) -> None:
    bucket = local.info.raw_bucket
    post = local.aws.client("s3").generate_presigned_post(bucket, "probe/form")
    path = urlsplit(post["url"]).path
    body, headers = form(post["fields"], b"content")
    answer = send(local, "POST", path, body, {**headers, "Origin": GOOD})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] in {"*", GOOD}
    assert stored(local, "probe/form")

    forged = {**post["fields"], "key": "probe/forged"}
    wrong = {**post["fields"], "x-amz-signature": "0" * 64}
    for fields in (forged, wrong, {"key": "probe/forged"}):
        body, headers = form(fields, b"content")
        assert send(local, "POST", path, body, headers).status == 403
    assert not stored(local, "probe/forged")


@pytest.fixture
def one_origin(local: RunningStack) -> Iterator[None]:
    """Only one web page may upload, or use the API."""
    store, bucket = local.aws.client("s3"), local.info.raw_bucket
    rules = store.get_bucket_cors(Bucket=bucket)["CORSRules"]
    api = local.info.api_url.rsplit("/", 1)[1]
    cors = {"AllowOrigins": [GOOD], "AllowMethods": ["GET"], "AllowHeaders": ["x-api-key"]}
    resource = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"CorsConfiguration": cors}}
    before = local.aws.client("apigatewayv2").get_api(ApiId=api).get("CorsConfiguration")
    store.put_bucket_cors(
        Bucket=bucket,
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["POST"], "AllowedOrigins": [GOOD]}]},
    )
    deploy.settle(local.aws, {"Resources": {"HttpApi": resource}})
    yield
    store.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    local.aws.client("apigatewayv2").delete_cors_configuration(ApiId=api)
    if before:
        local.aws.client("apigatewayv2").update_api(ApiId=api, CorsConfiguration=before)


@pytest.mark.usefixtures("one_origin")
def test_a_form_of_another_web_page_is_refused(local: RunningStack) -> None:
    post = local.aws.client("s3").generate_presigned_post(local.info.raw_bucket, "probe/origin")
    path = urlsplit(post["url"]).path
    body, headers = form(post["fields"], b"content")
    assert send(local, "POST", path, body, {**headers, "Origin": EVIL}).status == 403
    assert not stored(local, "probe/origin")
    asked = {"Access-Control-Request-Method": "POST"}
    refused = send(local, "OPTIONS", path, headers={**asked, "Origin": EVIL})
    assert (refused.status, refused.headers.get("access-control-allow-origin")) == (403, None)
    for query in ("", "?X-Amz-Signature=of-another-method"):
        allowed = send(local, "OPTIONS", path + query, headers={**asked, "Origin": GOOD})
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, GOOD)
    assert send(local, "POST", path, body, {**headers, "Origin": GOOD}).status == 204


@pytest.mark.usefixtures("one_origin")
def test_the_api_has_the_cors_of_the_template(local: RunningStack) -> None:
    path = f"{urlsplit(local.info.api_url).path}/assets"
    key = {"x-api-key": local.api_key}
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    allowed = send(local, "OPTIONS", path, headers={**asked, "Origin": GOOD})
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (204, GOOD)
    answer = send(local, "GET", path, headers={**key, "Origin": GOOD})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, GOOD)
    for method, headers in (("OPTIONS", asked), ("GET", key)):
        refused = send(local, method, path, headers={**headers, "Origin": EVIL})
        assert (refused.status, refused.headers.get("access-control-allow-origin")) == (403, None)
    assert send(local, "GET", path, headers=key).status == 200
    own = f"http://127.0.0.1:{local.info.port}"
    assert send(local, "GET", path, headers={**key, "Origin": own}).status == 200


def test_an_old_signature_is_refused(local: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: old.replace(tzinfo=None))
    answer = scan(local)
    assert answer.status in {400, 403}
    assert b"expired" in answer.body


def test_an_unsigned_name_of_the_stack_tells_no_more_than_its_place(local: RunningStack) -> None:
    answer = send(local, "GET", "/_filmgate")
    assert json.loads(answer.body) == {"pid": local.info.pid, "root": str(local.root.resolve())}
    assert send(local, "GET", "/_filmgate", headers={"Origin": EVIL}).status == 403
    assert os.getpid() != local.info.pid
