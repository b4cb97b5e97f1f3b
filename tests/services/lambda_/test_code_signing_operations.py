"""Code signing configurations, and what they make of packages and layers that are deployed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import ROLE, RUNTIME, package, wait_until_active, wait_until_updated
from tests.running_node import RunningNode
from tests.signer import JOB, PROFILE, Signer, changed
from wakeful.environments.packages import ROOTS

pytestmark = pytest.mark.slow

PUBLISHERS = {"SigningProfileVersionArns": [PROFILE]}
ABSENT = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + "0" * 17
CODE = package(index__py="def handler(event, context):\n    return event\n")


def create(client: Any, policy: str = "Warn", **more: Any) -> str:
    made = client.create_code_signing_config(
        AllowedPublishers=PUBLISHERS, CodeSigningPolicies={"UntrustedArtifactOnDeployment": policy}, **more
    )
    return str(made["CodeSigningConfig"]["CodeSigningConfigArn"])


def request(code: bytes = CODE, name: str = "f", **more: Any) -> dict[str, Any]:
    runs = {"Runtime": RUNTIME, "Role": ROLE, "Handler": "index.handler"}
    return {"FunctionName": name, **runs, "Code": {"ZipFile": code}, **more}


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


@pytest.fixture
def signer(node: RunningNode) -> Iterator[Signer]:
    """One whose root this node trusts."""
    signer = Signer(node.node.clock.now())
    folder = node.node.config.data_dir / ROOTS
    folder.mkdir()
    (folder / "ours.der").write_bytes(signer.root)
    yield signer
    shutil.rmtree(folder)


def doubts(node: RunningNode) -> float:
    """How often a signature was doubted."""
    node.run(node.node.telemetry.flush())
    now = node.node.clock.now()
    points = node.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="SignatureValidationErrors",
        Dimensions=[{"Name": "FunctionName", "Value": "f"}],
        StartTime=now - 3600,
        EndTime=now + 3600,
        Period=7200,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


# --- configurations ---


def test_a_configuration_names_publishers_by_arns(client: Any) -> None:
    nobody = {"SigningProfileVersionArns": ["nobody"]}
    code, message = refusal(client.create_code_signing_config, AllowedPublishers=nobody)
    assert (code, "signingProfileVersionArns" in message) == ("ValidationException", True)
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []


def test_a_configuration_warns_unless_told_otherwise_and_is_changed_member_by_member(client: Any) -> None:
    made = client.create_code_signing_config(AllowedPublishers=PUBLISHERS, Description="ours")["CodeSigningConfig"]
    arn = made["CodeSigningConfigArn"]
    assert arn.endswith(f":code-signing-config:{made['CodeSigningConfigId']}")
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == made
    policies = {"UntrustedArtifactOnDeployment": "Enforce"}
    changed = client.update_code_signing_config(CodeSigningConfigArn=arn, CodeSigningPolicies=policies)
    expected = {**made, "CodeSigningPolicies": policies, "LastModified": changed["CodeSigningConfig"]["LastModified"]}
    assert changed["CodeSigningConfig"] == expected
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    code, message = refusal(client.get_code_signing_config, CodeSigningConfigArn=arn)
    assert (code, message) == (
        "ResourceNotFoundException",
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}.",
    )


def test_what_is_not_there_is_not_found(client: Any) -> None:
    for ask in (
        client.get_code_signing_config,
        client.update_code_signing_config,
        client.delete_code_signing_config,
        client.list_functions_by_code_signing_config,
    ):
        assert refusal(ask, CodeSigningConfigArn=ABSENT)[0] == "ResourceNotFoundException"
    assert status_of(client.get_code_signing_config, CodeSigningConfigArn="csc-1") == 400
    for ask, more in (
        (client.put_function_code_signing_config, {"CodeSigningConfigArn": create(client)}),
        (client.get_function_code_signing_config, {}),
        (client.delete_function_code_signing_config, {}),
    ):
        assert refusal(ask, FunctionName="none", **more)[0] == "ResourceNotFoundException"
    assert refusal(client.create_function, **request(CodeSigningConfigArn=ABSENT))[0] == (
        "CodeSigningConfigNotFoundException"
    )
    client.create_function(**request())
    assert refusal(client.put_function_code_signing_config, FunctionName="f", CodeSigningConfigArn=ABSENT)[0] == (
        "CodeSigningConfigNotFoundException"
    )


def test_configurations_and_their_functions_are_listed_by_page(client: Any) -> None:
    arns = sorted(create(client) for _ in range(5))
    pages = list(client.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["CodeSigningConfigs"]) for page in pages] == [2, 2, 1]
    assert [each["CodeSigningConfigArn"] for page in pages for each in page["CodeSigningConfigs"]] == arns
    for name in ("a", "b", "c"):
        client.create_function(**request(name=name, CodeSigningConfigArn=arns[0]))
    found = client.get_paginator("list_functions_by_code_signing_config").paginate(
        CodeSigningConfigArn=arns[0], PaginationConfig={"PageSize": 2}
    )
    assert [each[-1] for page in found for each in page["FunctionArns"]] == ["a", "b", "c"]
    assert refusal(client.list_code_signing_configs, Marker="x")[0] == "InvalidParameterValueException"


def test_configurations_have_tags(client: Any) -> None:
    arn = create(client, Tags={"a": "1"})
    client.tag_resource(Resource=arn, Tags={"b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert refusal(client.list_tags, Resource=ABSENT)[0] == "ResourceNotFoundException"


def test_a_configuration_in_use_stays_until_nobody_uses_it(client: Any) -> None:
    arn = create(client)
    client.create_function(**request(CodeSigningConfigArn=arn))
    used = client.get_function_code_signing_config(FunctionName="f")
    assert (used["CodeSigningConfigArn"], used["FunctionName"]) == (arn, "f")
    assert refusal(client.delete_code_signing_config, CodeSigningConfigArn=arn)[0] == "ResourceConflictException"
    client.delete_function_code_signing_config(FunctionName="f")
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(FunctionName="f")
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)
    client.delete_function(FunctionName="f")
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


# --- deployments ---


def test_enforced_only_what_an_allowed_publisher_signed_is_deployed(
    node: RunningNode, client: Any, signer: Signer
) -> None:
    arn = create(client, "Enforce")
    code, message = refusal(client.create_function, **request(CodeSigningConfigArn=arn))
    assert code == "CodeVerificationFailedException"
    assert message.endswith("Check the provided signature for arn:aws:lambda:us-east-1:000000000000:function:f.")
    assert refusal(client.get_function, FunctionName="f")[0] == "ResourceNotFoundException"
    made = client.create_function(**request(signer.sign(CODE), CodeSigningConfigArn=arn))
    assert (made["SigningProfileVersionArn"], made["SigningJobArn"]) == (PROFILE, JOB)
    wait_until_active(client, "f")
    update = client.update_function_code
    now = node.node.clock.now()
    for refused in (
        CODE,
        signer.sign(CODE, profile=PROFILE + "k"),
        signer.sign(CODE, expires=now - 1),
        Signer(now).sign(CODE),
    ):
        assert refusal(update, FunctionName="f", ZipFile=refused)[0] == "CodeVerificationFailedException"
    update(FunctionName="f", ZipFile=signer.sign(CODE))
    assert doubts(node) == 5


def test_warned_of_doubtful_signatures_are_deployed_and_counted(node: RunningNode, client: Any, signer: Signer) -> None:
    made = client.create_function(**request(CodeSigningConfigArn=create(client)))
    assert "SigningJobArn" not in made
    assert doubts(node) == 1
    wait_until_active(client, "f")
    signed = client.update_function_code(FunctionName="f", ZipFile=signer.sign(CODE))
    assert signed["SigningProfileVersionArn"] == PROFILE
    assert doubts(node) == 1
    wait_until_updated(client, "f")
    assert "SigningJobArn" not in client.update_function_code(FunctionName="f", ZipFile=CODE)


def test_a_package_that_was_changed_since_is_never_deployed(client: Any, signer: Signer) -> None:
    broken = changed(signer.sign(CODE), index__py=b"def handler(event, context):\n    return 'evil'\n")
    refused = refusal(client.create_function, **request(broken, CodeSigningConfigArn=create(client)))
    assert refused[0] == "InvalidCodeSignatureException"
    client.create_function(**request(broken))


def test_layers_must_be_signed_too(client: Any, signer: Signer) -> None:
    layer = package(python__py="x")
    unsigned = client.publish_layer_version(LayerName="unsigned", Content={"ZipFile": layer})
    signed = client.publish_layer_version(LayerName="signed", Content={"ZipFile": signer.sign(layer)})
    assert signed["Content"]["SigningProfileVersionArn"] == PROFILE
    assert "SigningProfileVersionArn" not in unsigned["Content"]
    arn = create(client, "Enforce")
    client.create_function(**request(signer.sign(CODE), CodeSigningConfigArn=arn, Layers=[signed["LayerVersionArn"]]))
    wait_until_active(client, "f")
    code, message = refusal(
        client.update_function_configuration, FunctionName="f", Layers=[unsigned["LayerVersionArn"]]
    )
    assert code == "CodeVerificationFailedException"
    assert message.endswith(f"Check the provided signature for {unsigned['LayerVersionArn']}.")
    client.update_function_configuration(FunctionName="f", MemorySize=256)


@pytest.mark.slow
def test_what_was_deployed_before_goes_on(client: Any, signer: Signer) -> None:
    client.create_function(**request())
    wait_until_active(client, "f")
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=create(client, "Enforce"))
    assert client.invoke(FunctionName="f", Payload=b"1")["StatusCode"] == 200
    client.update_function_configuration(FunctionName="f", MemorySize=256)
    wait_until_updated(client, "f")
    assert refusal(client.update_function_code, FunctionName="f", ZipFile=CODE)[0] == "CodeVerificationFailedException"
