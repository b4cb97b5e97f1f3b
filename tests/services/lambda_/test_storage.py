"""How much code an account keeps, and that there is an end to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import deploy, package, wait_until_updated
from tests.running_node import RunningNode
from wakeful import limits

LARGE = package(index__py="# " + "".join(chr(33 + number * number % 90) for number in range(5000)))


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


def used(client: Any) -> tuple[int, int]:
    usage = client.get_account_settings()["AccountUsage"]
    return usage["FunctionCount"], usage["TotalCodeSize"]


def test_every_version_and_every_layer_counts(client: Any) -> None:
    assert used(client) == (0, 0)
    deploy(client)
    size = client.get_function(FunctionName="f")["Configuration"]["CodeSize"]
    client.publish_version(FunctionName="f")
    assert used(client) == (1, 2 * size)
    layer = client.publish_layer_version(LayerName="l", Content={"ZipFile": LARGE})
    assert used(client) == (1, 2 * size + layer["Content"]["CodeSize"])
    client.update_function_code(FunctionName="f", ZipFile=LARGE)
    wait_until_updated(client, "f")
    assert used(client) == (1, size + 2 * len(LARGE))
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    client.delete_function(FunctionName="f", Qualifier="1")
    assert used(client) == (1, len(LARGE))
    client.delete_function(FunctionName="f")
    assert used(client) == (0, 0)


def test_what_would_be_too_much_is_refused_and_changes_nothing(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(client)
    before = used(client)
    monkeypatch.setattr(limits, "LAMBDA_STORAGE_BYTES_MAX", before[1] + 100)
    assert client.get_account_settings()["AccountLimit"]["TotalCodeSize"] == before[1] + 100
    code = {"ZipFile": LARGE}
    runs = {"Runtime": "provided.al2023", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "h"}
    for ask, request in (
        (client.create_function, {"FunctionName": "other", "Code": code, **runs}),
        (client.update_function_code, {"FunctionName": "f", **code}),
        (client.publish_version, {"FunctionName": "f"}),
        (client.publish_layer_version, {"LayerName": "l", "Content": code}),
    ):
        assert refusal(ask, **request) == ("CodeStorageExceededException", "Code storage limit exceeded.")
        assert used(client) == before
