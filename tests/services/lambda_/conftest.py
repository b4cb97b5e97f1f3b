"""A node of the test's own whose functions run as plain processes, and a client of its Lambda."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.running_node import RunningNode, running_node
from tests.services.lambda_.stream_stage import Stage


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node of the test's own: what a function still does when its test is over, no other test sees."""
    with running_node(tmp_path / "data") as started:
        yield started


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("lambda")


@pytest.fixture
def tidied_node(shared_node: RunningNode) -> Iterator[RunningNode]:
    """The file's node, which has no function of the tests before: to start the launcher costs more than such a test."""
    yield shared_node
    _forget_functions(shared_node)
    client = shared_node.client("lambda")
    for signing in client.list_code_signing_configs()["CodeSigningConfigs"]:
        client.delete_code_signing_config(CodeSigningConfigArn=signing["CodeSigningConfigArn"])


@pytest.fixture
def stage(shared_node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Its mappings end with the test."""
    made = Stage(shared_node)
    monkeypatch.setattr(shared_node.node.environments, "invoke", made.invoke)
    monkeypatch.setattr(shared_node.node, "streams", {**shared_node.node.streams, "kinesis": made.journals})
    yield made
    made.open()
    for each in made.client.list_event_source_mappings()["EventSourceMappings"]:
        made.client.delete_event_source_mapping(UUID=each["UUID"])
    shared_node.settle()


@pytest.fixture
def node_on_each(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningNode]:
    """A node of the test's own on the engine under test; every transaction is rehearsed."""
    store = _database(request.getfixturevalue("database_with_tables")) if engine == "postgres" else None
    with running_node(tmp_path / "data", store=store) as started:
        yield started


@pytest.fixture
def tidied_node_on_each(engine: str, request: pytest.FixtureRequest) -> Iterator[RunningNode]:
    """Such a node that has no function of the tests before: on PostgreSQL the file's, on SQLite the test's own."""
    if engine == "postgres":
        shared: RunningNode = request.getfixturevalue("node_on_postgres")
        yield shared
        _forget_functions(shared)
    else:
        yield request.getfixturevalue("node")


@pytest.fixture(scope="module")
def node_on_postgres(database_with_tables: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One for the tests of a file: to start it takes longer than most of them."""
    with running_node(tmp_path_factory.mktemp("postgres") / "data", store=_database(database_with_tables)) as started:
        yield started


def _forget_functions(node: RunningNode) -> None:
    client = node.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            client.delete_function(FunctionName=function["FunctionName"])


@pytest.fixture(scope="session")
def database_with_tables(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database on which a node has been, to make others from: to make every table is most of a node's first start."""
    address = _database(postgres_dsn)
    with running_node(tmp_path_factory.mktemp("first"), store=address):
        pass
    return address


def _database(dsn: str) -> str:
    """The address of a new database like that one."""
    server, _, like = dsn.rpartition("/")
    name = f"lambda_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {'template1' if like == 'postgres' else like}")
    return f"{server}/{name}"
