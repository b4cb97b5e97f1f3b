"""The state that nodes are killed on: SQLite in their data directory, or a PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.node_process import NodeProcess

CRASHES = int(os.environ.get("CRASHES", "2"))
"""Two: a node that was killed is killed again."""


@pytest.fixture(params=["sqlite", "postgres"] if "CRASHES" in os.environ else ["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both for `make crash`; a few kills on SQLite for every day."""
    return str(request.param)


@pytest.fixture
def database(postgres_dsn: str) -> str:
    """The address of an empty database of the test's own."""
    name = f"crash_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_dsn, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return postgres_dsn.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def node(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NodeProcess]:
    """Not yet started; whatever becomes of the test, it does not run on."""
    flags = ["--store", request.getfixturevalue("database")] if engine == "postgres" else []
    made = NodeProcess(tmp_path / "data", *flags)
    yield made
    if made.is_running:
        made.kill()
