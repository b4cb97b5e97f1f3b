"""What S3's tests share: a client, a bucket, and bodies that are freed of their framing as the gateway is to do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_node import RunningNode
from wakeful.gateway import http as gateway
from wakeful.wire.chunked import Body
from wakeful.wire.message import HttpRequest, HttpResponse

BUCKET = "bucket"


@pytest.fixture(autouse=True)
def checked_bodies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bodies are checked against what their requests promise, and freed of aws-chunked framing."""
    answer = gateway.Gateway.answer

    async def answer_checked(self: Any, http: HttpRequest, *rest: Any) -> HttpResponse:
        if http.stream is not None and not isinstance(http.stream, Body):
            # The checksums in the head of a completion are the object's.
            is_completion = http.method == "POST" and "uploadId=" in http.query
            http.stream = Body(http, http.stream, has_checksum=not is_completion)
        return await answer(self, http, *rest)

    monkeypatch.setattr(gateway.Gateway, "answer", answer_checked)
    yield


@pytest.fixture
def s3(node: RunningNode) -> Any:
    client = node.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client
