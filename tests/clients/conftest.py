"""One node with real sandboxes for all functions of the official clients, and each function deployed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients import builds
from tests.functions import ROLE, wait_until_active
from tests.running_node import RunningNode, running_node

Deployed = Callable[..., str]
"""(client, suffix, **settings of the function) -> the function's name"""


@pytest.fixture(scope="session")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that confines as well as this host can."""
    with running_node(tmp_path_factory.mktemp("clients") / "data", isolation="auto", rehearse=False) as node:
        yield node


@pytest.fixture(scope="session")
def lambda_(confined: RunningNode) -> Any:
    return confined.client("lambda")


@pytest.fixture(scope="session")
def deployed(lambda_: Any) -> Deployed:
    """The name of a function of this client that is Active. Skips, loudly, where the client cannot be built."""
    made: set[str] = set()

    def name_of(client: builds.Client, suffix: str = "", **settings: Any) -> str:
        name = f"{client.name}{suffix}"
        if name not in made:
            package = builds.package(client)
            variables = {**dict(client.variables), **settings.pop("variables", {})}
            request = {
                "FunctionName": name,
                "Runtime": client.runtime,
                "Role": ROLE,
                "Handler": client.handler,
                "Code": {"ZipFile": package},
                "Environment": {"Variables": variables},
                "MemorySize": 512,
                "Timeout": 10,
                **settings,
            }
            lambda_.create_function(**request)
            wait_until_active(lambda_, name)
            made.add(name)
        return name

    return name_of
