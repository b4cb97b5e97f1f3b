"""`wakeful keys create`: from then on the node takes no unknown keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import wakeful
from tests.errors import refusal
from tests.running_node import running_node


def test_a_node_with_a_key_takes_that_one_and_no_other(tmp_path: Path) -> None:
    made = wakeful("keys", "create", "--account", "123456789012", "--data-dir", str(tmp_path))
    assert made.status == 0
    key = dict(line.removeprefix("export ").split("=", 1) for line in made.out.splitlines())
    with running_node(tmp_path) as node:
        assert refusal(node.client("sts").get_caller_identity)[0] == "InvalidClientTokenId"
        root = node.client("sts", key=key["AWS_ACCESS_KEY_ID"], secret=key["AWS_SECRET_ACCESS_KEY"])
        assert root.get_caller_identity()["Account"] == "123456789012"
        assert wakeful("invoke", "f", endpoint=node.endpoint).err.startswith("UnrecognizedClientException: ")
        assert wakeful("invoke", "f", endpoint=node.endpoint, **key).err.startswith("ResourceNotFoundException: ")


def test_no_key_is_made_while_a_node_runs_on_the_state(tmp_path: Path) -> None:
    with running_node(tmp_path):
        said = wakeful("keys", "create", "--data-dir", str(tmp_path))
    assert (said.status, said.out, said.err) == (1, "", f"a node runs on {tmp_path}; stop it first\n")


@pytest.mark.parametrize("account", ["12", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢"])
def test_an_account_is_twelve_digits(account: str, tmp_path: Path) -> None:
    said = wakeful("keys", "create", "--account", account, "--data-dir", str(tmp_path))
    assert said.status == 2
    assert "an account is twelve digits" in said.err
