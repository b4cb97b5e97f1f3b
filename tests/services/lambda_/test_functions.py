"""Functions: made, shown, changed and gone, in AWS's states and words."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.errors import refusal, status_of
from tests.functions import ECHO, ROLE, RUNTIME, call, deploy, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode, running_node
from wakeful.environments import runtimes
from wakeful.environments.languages import interpreters

pytestmark = pytest.mark.slow

LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:l"
FILES = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"


def creation(**more: Any) -> dict[str, Any]:
    return {
        "FunctionName": "f",
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": package(index__py=ECHO)},
        **more,
    }


def test_a_new_function_is_pending_with_awss_defaults_and_becomes_active(client: Any) -> None:
    body = package(index__py=ECHO)
    made = client.create_function(**creation(Code={"ZipFile": body}, Description="d"))
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    assert made["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert made["CodeSize"] == len(body)
    assert (made["MemorySize"], made["Timeout"], made["Version"]) == (128, 3, "$LATEST")
    assert made["Architectures"] == ["x86_64"]
    assert made["EphemeralStorage"] == {"Size": 512}
    assert made["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    wait_until_active(client, "f")
    shown = client.get_function(FunctionName="f")
    assert shown["Configuration"]["State"] == "Active"
    assert shown["Configuration"]["LastUpdateStatus"] == "Successful"
    assert shown["Configuration"]["Description"] == "d"
    assert shown["Code"]["RepositoryType"] == "S3"


def test_the_code_can_be_had_back(client: Any, node: RunningNode) -> None:
    body = package(index__py=ECHO)
    deploy(client, Code={"ZipFile": body})
    location = client.get_function(FunctionName="f")["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=10) as response:
        assert response.read() == body
    node.advance(601)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(location, timeout=10)


def test_code_comes_from_s3_as_well(client: Any, node: RunningNode) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=package(index__py=ECHO))
    deploy(client, Code={"S3Bucket": "code", "S3Key": "f.zip"})
    assert call(client, event={"a": 1}).payload == {"a": 1}
    code, message = refusal(
        client.create_function, **creation(FunctionName="g", Code={"S3Bucket": "code", "S3Key": "x"})
    )
    assert code == "InvalidParameterValueException"
    assert "S3 Error Code: NoSuchKey" in message


def test_the_version_of_code_in_s3_is_asked_for_and_every_update_has_a_source(client: Any, node: RunningNode) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=package(index__py=ECHO))
    where = {"S3Bucket": "code", "S3Key": "f.zip"}
    deploy(client, Code={**where, "S3ObjectVersion": "null"})
    for more, words in (
        ({**where, "S3ObjectVersion": "another"}, "Error occurred while GetObject. S3 Error Code: "),
        ({**where, "S3Key": "x"}, "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."),
        ({**where, "S3Bucket": "nowhere"}, "S3 Error Code: NoSuchBucket"),
        ({**where, "ZipFile": b"x"}, "Please do not provide other FunctionCode parameters when providing a ZipFile."),
        ({"S3Bucket": "code"}, "Please provide a source for function code."),
        ({}, "Please provide a source for function code."),
        ({"ImageUri": "i"}, "Please don't provide ImageUri when updating a function with packageType Zip."),
    ):
        code, message = refusal(client.update_function_code, FunctionName="f", **more)
        assert (code, words in message) == ("InvalidParameterValueException", True), message
    assert refusal(client.update_function_code, FunctionName="nobody", **where)[0] == "ResourceNotFoundException"


def test_code_in_s3_that_is_too_large_is_not_even_read(
    client: Any, node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=b"no zip, which only a reader could tell")
    monkeypatch.setattr("wakeful.limits.LAMBDA_UNZIPPED_BYTES_MAX", 20)
    code, message = refusal(client.create_function, **creation(Code={"S3Bucket": "code", "S3Key": "f.zip"}))
    assert (code, message) == ("InvalidParameterValueException", "Unzipped size must be smaller than 20 bytes")


def test_a_second_function_of_that_name_is_refused(client: Any) -> None:
    deploy(client)
    code, message = refusal(client.create_function, **creation())
    assert (code, message) == ("ResourceConflictException", "Function already exist: f")
    assert status_of(client.create_function, **creation()) == 409


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file."),
        ({"Code": {"ZipFile": package()}}, "InvalidParameterValueException", "non-empty zip"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Code": {"ZipFile": package(**{"../evil": "x"})}}, "InvalidParameterValueException", "Could not unzip"),
        ({"Runtime": "python1.0"}, "InvalidParameterValueException", "python1.0"),
        (
            {"Runtime": "nodejs16.x"},
            "InvalidParameterValueException",
            "nodejs16.x is no longer supported for creating or updating AWS Lambda functions. We recommend",
        ),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"MemorySize": 10241}, "ValidationException", "less than or equal to 10240"),
        ({"Role": "no role"}, "ValidationException", "'role' failed to satisfy constraint"),
        ({"FunctionName": "with space"}, "ValidationException", "'functionName' failed to satisfy constraint"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Environment": {"Variables": {"A1": "x" * 4096}}}, "InvalidParameterValueException", "4KB limit"),
        ({"FunctionName": "n" * 65}, "InvalidParameterValueException", "length less than or equal to 64"),
        ({"FunctionName": "f:1"}, "ValidationException", "regular expression pattern"),
        ({"FunctionName": "111111111111:function:f"}, "AccessDeniedException", "account of the caller"),
        ({"Handler": "two words"}, "ValidationException", "'handler' failed to satisfy constraint"),
        ({"Architectures": ["x86_64", "arm64"]}, "ValidationException", "'architectures' failed"),
        ({"TracingConfig": {"Mode": "On"}}, "ValidationException", "[Active, PassThrough]"),
        ({"Tags": {str(each): "" for each in range(51)}}, "InvalidParameterValueException", "resource tag limit."),
        ({"Tags": {"aws:x": ""}}, "InvalidParameterValueException", "reserved"),
        ({"Layers": [f"{LAYER}:1"]}, "InvalidParameterValueException", f"Layer version {LAYER}:1 does not exist."),
        ({"Code": {"S3Bucket": "code"}}, "InvalidParameterValueException", "Please provide a source"),
        (
            {"Code": {"ZipFile": b"x", "S3Bucket": "code", "S3Key": "k"}},
            "InvalidParameterValueException",
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::b"}}, "InvalidParameterValueException", "dead letter"),
        ({"LoggingConfig": {"SystemLogLevel": "WARN"}}, "InvalidParameterValueException", "Log levels"),
    ],
)
def test_what_no_function_can_be_made_of_is_refused_and_nothing_is_kept(
    client: Any, more: dict[str, Any], code: str, words: str
) -> None:
    answered, message = refusal(client.create_function, **creation(**more))
    assert answered == code
    assert words in message
    assert client.list_functions()["Functions"] == []


def test_what_boto3_would_not_even_send_is_refused_as_well(node: RunningNode) -> None:
    client = node.client("lambda", config={"parameter_validation": False})
    without_handler = creation()
    del without_handler["Handler"]
    said = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
    assert refusal(client.create_function, **without_handler) == ("InvalidParameterValueException", said)
    for more, constraint in (
        ({"EphemeralStorage": {"Size": 511}}, "'ephemeralStorage.size' failed to satisfy constraint: Member must have"),
        ({"MemorySize": 64}, "'memorySize' failed to satisfy constraint: Member must have value greater than"),
        ({"Timeout": 0}, "'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ({"Architectures": []}, "'architectures' failed to satisfy constraint: Member must have length greater"),
    ):
        code, message = refusal(client.create_function, **creation(**more))
        assert (code, constraint in message) == ("ValidationException", True), message
    for size, most in ((0, "greater than or equal to 1"), (10_001, "less than or equal to 10000")):
        code, message = refusal(client.list_functions, MaxItems=size)
        assert (code, most in message) == ("ValidationException", True), message


@pytest.mark.parametrize(
    ("more", "named", "advice"),
    [
        (
            {"Code": {"ZipFile": package(index__py=ECHO), "S3ObjectStorageMode": "REFERENCE"}},
            "(S3ObjectStorageMode REFERENCE)",
            "leave it out",
        ),
        (
            {"FileSystemConfigs": [{"Arn": FILES, "LocalMountPath": "/mnt/f"}]},
            "file systems yet (FileSystemConfigs)",
            "/tmp",
        ),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "i"}},
            "container images yet (PackageType Image)",
            "zip package",
        ),
        ({"Code": {"ImageUri": "i"}}, "container images yet (ImageUri)", "zip package"),
        ({"ImageConfig": {"Command": ["x"]}}, "container images yet (ImageConfig)", "zip package"),
        (
            {"Code": {"ZipFile": package(index__py=ECHO), "SourceKMSKeyArn": "arn:aws:kms:us-east-1:0:key/k"}},
            "KMS keys yet (SourceKMSKeyArn)",
            "leave the key out",
        ),
    ],
)
def test_what_is_not_here_is_refused_by_its_name_and_with_advice(
    client: Any, more: dict[str, Any], named: str, advice: str
) -> None:
    code, message = refusal(client.create_function, **creation(**more))
    assert code == "InvalidParameterValueException"
    assert named in message
    assert advice in message
    assert client.list_functions()["Functions"] == []


def test_a_key_is_shown_until_it_is_taken_away(client: Any) -> None:
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    arn = deploy(client, KMSKeyArn=key, Environment={"Variables": {"COLOUR": "red"}})
    assert client.get_function_configuration(FunctionName=arn)["KMSKeyArn"] == key
    assert client.update_function_configuration(FunctionName="f", Description="other")["KMSKeyArn"] == key
    wait_until_updated(client, "f")
    assert "KMSKeyArn" not in client.update_function_configuration(FunctionName="f", KMSKeyArn="")


def test_where_rights_are_enforced_the_role_must_trust_lambda(tmp_path: Path) -> None:
    def trusting(service: str) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        return json.dumps({"Version": "2012-10-17", "Statement": [trust]})

    with running_node(tmp_path, iam="enforce") as node:
        client, iam = (node.client(name, key="000000000000") for name in ("lambda", "iam"))
        no = ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
        assert refusal(client.create_function, **creation()) == no
        iam.create_role(RoleName="function", AssumeRolePolicyDocument=trusting("ec2.amazonaws.com"))
        assert refusal(client.create_function, **creation()) == no
        assert client.list_functions()["Functions"] == []
        iam.update_assume_role_policy(RoleName="function", PolicyDocument=trusting("lambda.amazonaws.com"))
        deploy(client)
        iam.create_role(RoleName="other", AssumeRolePolicyDocument=trusting("ec2.amazonaws.com"))
        other = ROLE.replace("function", "other")
        assert refusal(client.update_function_configuration, FunctionName="f", Role=other) == no
        assert client.get_function_configuration(FunctionName="f")["Role"] == ROLE


def test_what_asks_for_nothing_is_taken_wherever_it_stands(client: Any) -> None:
    nothing = {"KMSKeyArn": "", "FileSystemConfigs": [], "ImageConfig": {}, "VpcConfig": {}, "DeadLetterConfig": {}}
    made = client.create_function(**creation(**nothing))
    assert nothing.keys() & made.keys() == set()


def test_an_absent_runtime_fails_the_function_and_says_what_would_help(client: Any) -> None:
    client.create_function(**creation(Runtime="ruby3.4"))
    while (shown := client.get_function_configuration(FunctionName="f"))["State"] == "Pending":
        pass
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InvalidRuntime")
    assert "ruby3.4" in shown["StateReason"]
    assert refusal(client.invoke, FunctionName="f")[0] == "InvalidRuntimeException"


def test_an_update_that_fails_leaves_what_was_there(client: Any) -> None:
    deploy(client, code="def handler(event, context): return 1")
    client.update_function_configuration(FunctionName="f", Runtime="ruby3.4")
    with pytest.raises(WaiterError, match="terminal failure state"):
        wait_until_updated(client, "f")
    shown = client.get_function_configuration(FunctionName="f")
    assert (shown["State"], shown["LastUpdateStatus"], shown["LastUpdateStatusReasonCode"]) == (
        *("Active", "Failed", "InvalidRuntime"),
    )
    assert "ruby3.4" in shown["LastUpdateStatusReason"]
    assert call(client).payload == 1
    assert client.publish_version(FunctionName="f")["State"] == "Pending"  # nothing runs it already
    client.update_function_configuration(FunctionName="f", Runtime=RUNTIME)
    wait_until_updated(client, "f")
    assert "LastUpdateStatusReason" not in client.get_function_configuration(FunctionName="f")


def test_a_function_whose_runtime_was_absent_works_once_it_was_got_and_the_function_updated(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = interpreters.discover

    async def nothing(searches: Any, folder: Path) -> list[Any]:
        return []

    monkeypatch.setattr(runtimes, "discover", nothing)
    client.create_function(**creation(Code={"ZipFile": package(index__py="def handler(event, context): return 1")}))
    while (shown := client.get_function_configuration(FunctionName="f"))["State"] == "Pending":
        pass
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InvalidRuntime")
    assert shown["StateReason"].endswith(f"Get it with: wakeful runtimes add {RUNTIME}; then update the function")
    monkeypatch.setattr(runtimes, "discover", everything)
    client.update_function_code(FunctionName="f", ZipFile=package(index__py="def handler(event, context): return 2"))
    wait_until_updated(client, "f")
    assert client.get_function_configuration(FunctionName="f")["State"] == "Active"
    assert call(client).payload == 2


def test_with_the_fallback_a_function_runs_on_another_version_and_its_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = interpreters.discover

    async def own(searches: Any, folder: Path) -> list[Any]:
        return [each for each in await everything(searches, folder) if each.version[:2] == sys.version_info[:2]]

    monkeypatch.setattr(runtimes, "discover", own)
    asked = next(name for name in ("python3.13", "python3.12") if name != RUNTIME)
    with running_node(tmp_path / "data", runtime_fallback=True) as node:
        client = node.client("lambda")
        code = (
            "import os, sys\n"
            "def handler(event, context): return [os.environ['AWS_EXECUTION_ENV'], sys.version_info[:2]]"
        )
        client.create_function(**creation(Runtime=asked, Code={"ZipFile": package(index__py=code)}))
        wait_until_active(client, "f")
        answer = client.invoke(FunctionName="f", LogType="Tail")
        assert json.loads(answer["Payload"].read()) == [f"AWS_Lambda_{asked}", [*sys.version_info[:2]]]
        assert (
            f"WAKEFUL\tRuntime fallback: {asked} is not on this machine"
            in base64.b64decode(answer["LogResult"]).decode()
        )
        assert client.get_function_configuration(FunctionName="f")["Runtime"] == asked


def test_a_package_that_is_sent_directly_has_a_size(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakeful.limits.LAMBDA_UPLOAD_BYTES_MAX", 90)
    assert refusal(client.create_function, **creation()) == (
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 90 bytes",
    )
    monkeypatch.setattr("wakeful.limits.LAMBDA_REQUEST_BYTES_MAX", 120)
    assert refusal(client.create_function, **creation()) == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 120 bytes for the CreateFunction operation",
    )
    assert status_of(client.create_function, **creation()) == 413


def test_what_an_account_keeps_has_a_size(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = package(index__py=ECHO)
    deploy(client, Code={"ZipFile": body})
    monkeypatch.setattr("wakeful.limits.LAMBDA_STORAGE_BYTES_MAX", 2 * len(body))
    client.publish_version(FunctionName="f")
    client.update_function_code(FunctionName="f", ZipFile=body)
    wait_until_updated(client, "f")
    client.update_function_configuration(FunctionName="f", Description="another")
    wait_until_updated(client, "f")
    more = package(index__py=ECHO + "#" * 200)
    for operation, request in (
        (client.create_function, creation(FunctionName="g")),
        (client.update_function_code, {"FunctionName": "f", "ZipFile": more}),
        (client.publish_version, {"FunctionName": "f"}),
        (client.publish_layer_version, {"LayerName": "l", "Content": {"ZipFile": body}}),
    ):
        assert refusal(operation, **request)[0] == "CodeStorageExceededException"
    client.delete_function(FunctionName="f", Qualifier="1")
    client.publish_version(FunctionName="f")


def test_new_code_serves_once_it_is_ready(client: Any) -> None:
    deploy(client, code="def handler(event, context):\n    return 1\n")
    assert call(client).payload == 1
    changed = client.update_function_code(
        FunctionName="f", ZipFile=package(index__py="def handler(event, context):\n    return 2\n")
    )
    assert changed["LastUpdateStatus"] == "InProgress"
    wait_until_updated(client, "f")
    assert call(client).payload == 2
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] != ""


def test_new_settings_serve_and_the_others_stay(client: Any) -> None:
    code = "import os\ndef handler(event, context):\n    return os.environ.get('AA'), context.memory_limit_in_mb\n"
    deploy(client, code=code, Timeout=7, Description="kept")
    client.update_function_configuration(FunctionName="f", MemorySize=256, Environment={"Variables": {"AA": "b"}})
    wait_until_updated(client, "f")
    assert call(client).payload == ["b", "256"]
    shown = client.get_function_configuration(FunctionName="f")
    assert (shown["Timeout"], shown["Description"], shown["MemorySize"]) == (7, "kept", 256)


def test_an_empty_target_takes_the_dead_letter_queue_away(client: Any) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    deploy(client, DeadLetterConfig={"TargetArn": arn})
    assert client.get_function_configuration(FunctionName="f")["DeadLetterConfig"] == {"TargetArn": arn}
    shown = client.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in shown


def test_an_outdated_revision_changes_nothing(client: Any) -> None:
    deploy(client)
    for change, more in (
        (client.update_function_configuration, {"Timeout": 9}),
        (client.update_function_code, {"ZipFile": package(index__py=ECHO)}),
        (client.publish_version, {}),
    ):
        code, message = refusal(change, FunctionName="f", RevisionId="another", **more)
        assert code == "PreconditionFailedException"
        assert "Revision Id provided does not match" in message
    assert client.get_function_configuration(FunctionName="f")["Timeout"] == 3


def test_only_latest_is_updated(client: Any) -> None:
    arn = deploy(client)
    client.publish_version(FunctionName="f")
    for change, more in (
        (client.update_function_configuration, {"Timeout": 9}),
        (client.update_function_code, {"ZipFile": package(index__py=ECHO)}),
    ):
        assert refusal(change, FunctionName=f"{arn}:1", **more) == (
            "InvalidParameterValueException",
            "Current operation does not support versions other than $LATEST",
        )
    client.update_function_configuration(FunctionName=f"{arn}:$LATEST", Timeout=9)


def test_a_dry_run_of_new_code_changes_nothing(client: Any) -> None:
    deploy(client)
    before = client.get_function_configuration(FunctionName="f")
    shown = client.update_function_code(FunctionName="f", ZipFile=package(index__py="x = 1"), DryRun=True)
    assert shown["CodeSha256"] == before["CodeSha256"]
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == before["RevisionId"]


def test_a_deleted_function_is_gone_with_all_it_had(client: Any) -> None:
    deploy(client)
    call(client)
    client.publish_version(FunctionName="f")
    client.delete_function(FunctionName="f")
    for ask in (client.get_function, client.get_function_configuration, client.invoke, client.delete_function):
        code, message = refusal(ask, FunctionName="f")
        assert code == "ResourceNotFoundException"
        assert message.startswith("Function not found: arn:aws:lambda:us-east-1:000000000000:function:f")
    deploy(client, code="def handler(event, context):\n    return 'new'\n")
    assert call(client).payload == "new"
    assert client.publish_version(FunctionName="f")["Version"] == "1"


def test_functions_are_listed_by_name_and_page_by_page(client: Any, node: RunningNode) -> None:
    for name in ("c", "a", "b", "d"):
        client.create_function(**creation(FunctionName=name))
    pages = [
        page["Functions"] for page in client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3})
    ]
    assert [[each["FunctionName"] for each in page] for page in pages] == [["a", "b", "c"], ["d"]]
    wait_until_active(client, "a")
    client.publish_version(FunctionName="a")
    every = client.list_functions(FunctionVersion="ALL", MaxItems=2)
    assert [each["Version"] for each in every["Functions"]] == ["$LATEST", "1"]
    rest = client.list_functions(FunctionVersion="ALL", Marker=every["NextMarker"])
    assert [each["FunctionName"] for each in rest["Functions"]] == ["b", "c", "d"]
    assert node.client("lambda", key="111111111111").list_functions()["Functions"] == []
    assert len(client.list_functions(MasterRegion="ALL")["Functions"]) == 4
    assert client.list_functions(MasterRegion="eu-west-1")["Functions"] == []
    assert refusal(client.list_functions, FunctionVersion="1")[0] == "ValidationException"


def test_a_marker_that_was_never_given_out_is_refused(client: Any) -> None:
    deploy(client)
    for list_them in (
        client.list_functions,
        partial(client.list_versions_by_function, FunctionName="f"),
        partial(client.list_aliases, FunctionName="f"),
    ):
        for marker in ("%%%", "YWJj", "WzEsMiwzXQ=="):
            with pytest.raises(ClientError, match=r"InvalidParameterValueException.*Invalid Marker"):
                list_them(Marker=marker)


def test_a_function_can_be_named_in_every_way_that_aws_knows(client: Any) -> None:
    arn = deploy(client)
    for name in ("f", arn, "000000000000:function:f", "000000000000:f", "function:f"):
        assert client.get_function_configuration(FunctionName=name)["FunctionArn"] == arn
    qualified = client.get_function_configuration(FunctionName=f"{arn}:$LATEST")
    assert qualified["FunctionArn"] == f"{arn}:$LATEST"
    code, message = refusal(client.get_function, FunctionName=f"{arn}:1", Qualifier="2")
    assert code == "InvalidParameterValueException"
    assert "derived qualifier" in message
    other = arn.replace("us-east-1", "eu-west-1")
    assert refusal(client.get_function, FunctionName=other)[0] == "ResourceNotFoundException"


def test_tags_given_at_the_beginning_are_shown(client: Any) -> None:
    deploy(client, Tags={"a": "1"})
    assert client.get_function(FunctionName="f")["Tags"] == {"a": "1"}


def test_functions_outlive_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        deploy(node.client("lambda"), code="def handler(event, context):\n    return 'still here'\n")
    with running_node(tmp_path) as node:
        assert call(node.client("lambda")).payload == "still here"
