"""What S3's tests share: a client with a bucket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode

BUCKET = "bucket"


@pytest.fixture
def s3(node: RunningNode) -> Any:
    client = node.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client
