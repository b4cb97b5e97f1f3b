"""One node for all, with the SDK in a layer and its functions deployed once; time there is moved, never waited for."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.durable import sdks
from tests.durable.executions import Execution, carry_on, start
from tests.functions import NODE_RUNTIME, deploy, package
from tests.running_node import RunningNode, running_node

BUCKET = "effects"
YEAR_S, QUARTER_S = 366 * 86_400, 900
LOGGED_WITHIN_S = 20
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Durable:
    """A node with the durable function of one SDK on it."""

    node: RunningNode
    function: str

    @property
    def client(self) -> Any:
        return self.node.client("lambda")

    def lines(self, text: str, last: str) -> list[dict[str, Any]]:
        """What the function logged with this text in it, in order, once the last of it is there; each line is JSON."""
        pages = self.node.client("logs").get_paginator("filter_log_events")
        deadline = time.monotonic() + LOGGED_WITHIN_S
        while time.monotonic() < deadline:
            self.node.run(self.node.node.telemetry.flush())
            asked = pages.paginate(logGroupName=f"/aws/lambda/{self.function}")
            found = [event["message"] for page in asked for event in page["events"] if text in event["message"]]
            if any(last in message for message in found):
                return [json.loads(message) for message in found]
        raise AssertionError(f"nobody logged {last!r}")

    @property
    def logging(self) -> Durable:
        """The same with a log of its own, in which nothing else stands."""
        return Durable(self.node, "logging")

    def start(self, scenario: str, **event: Any) -> Execution:
        """It has begun, and has done all it can do without time and answers."""
        execution = start(self.client, self.function, scenario, **event)
        self.node.settle()
        return execution

    def run(self, scenario: str, answer: Any = None, **event: Any) -> Execution:
        """It has ended."""
        execution = self.start(scenario, **event)
        carry_on([execution], self.node.advance, answer)
        return execution


def code(folder: Path, pattern: str) -> bytes:
    """A folder of the tests as a function's package, at its root under its own name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.glob(pattern)):
            archive.write(path, path.relative_to(folder.parent))
    return packed.getvalue()


def deploy_python(lambda_: Any, s3: Any, *, only: str = "", handler: str = "", **variables: str) -> None:
    """Functions `durable`, `logging`, `plain` and `short` (15 minutes), or one only, and the bucket of effects."""
    content = {"ZipFile": sdks.layer(sdks.PYTHON)}
    layer = lambda_.publish_layer_version(LayerName="durable-python", Content=content)["LayerVersionArn"]
    zipped = {"ZipFile": code(HERE / "scenarios", "*.py")}
    s3.create_bucket(Bucket=BUCKET)
    region = "arn:aws:lambda:us-east-1:000000000000:function"
    named = {
        "EFFECTS": BUCKET,
        "PLAIN": f"{region}:plain",
        "DURABLE": f"{region}:durable:$LATEST",
        "DURABLE_SHORT": f"{region}:short:$LATEST",
        "MISSING": f"{region}:missing",
        **variables,
    }
    settings: dict[str, Any] = {"Code": zipped, "Layers": [layer], "Environment": {"Variables": named}, "Timeout": 60}
    settings["LoggingConfig"] = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
    lasts = {"ExecutionTimeout": YEAR_S, "RetentionPeriodInDays": 90}
    short = {**lasts, "ExecutionTimeout": QUARTER_S}
    if only:
        deploy(lambda_, only, Handler=handler, DurableConfig=lasts, **settings)
        return
    deploy(lambda_, "plain", Handler="scenarios.index.plain", **settings)
    deploy(lambda_, "durable", Handler="scenarios.index.handler", DurableConfig=lasts, MemorySize=512, **settings)
    deploy(lambda_, "logging", Handler="scenarios.index.handler", DurableConfig=lasts, **settings)
    deploy(lambda_, "short", Handler="scenarios.index.handler", DurableConfig=short, **settings)


def deploy_nodejs(lambda_: Any, *names: str, source: str = "index.js", variables: dict[str, str]) -> None:
    """Durable functions of these names with the SDK for JavaScript in a layer."""
    content = {"ZipFile": sdks.layer(sdks.NODEJS)}
    layer = lambda_.publish_layer_version(LayerName="durable-nodejs", Content=content)["LayerVersionArn"]
    settings: dict[str, Any] = {
        "Runtime": NODE_RUNTIME,
        "Code": {"ZipFile": package(index__js=(HERE / "nodejs" / source).read_bytes())},
        "Layers": [layer],
        "Environment": {"Variables": variables},
        "Timeout": 60,
        "MemorySize": 512,
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"},
    }
    for name in names:
        is_plain = name == "plain"
        durable: dict[str, Any] = (
            {} if is_plain else {"DurableConfig": {"ExecutionTimeout": YEAR_S, "RetentionPeriodInDays": 90}}
        )
        deploy(lambda_, name, Handler="index.plain" if is_plain else "index.handler", **durable, **settings)


@pytest.fixture(scope="package")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Durable]:
    sdks.layer(sdks.PYTHON)
    with running_node(tmp_path_factory.mktemp("durable") / "data", isolation="auto", rehearse=False) as node:
        deploy_python(node.client("lambda"), node.client("s3"))
        yield Durable(node, "durable")


@pytest.fixture(scope="package")
def nodejs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Durable]:
    sdks.layer(sdks.NODEJS)
    with running_node(tmp_path_factory.mktemp("nodejs") / "data", isolation="auto", rehearse=False) as node:
        region = "arn:aws:lambda:us-east-1:000000000000:function"
        named = {"PLAIN": f"{region}:plain", "DURABLE": f"{region}:durable:$LATEST"}
        deploy_nodejs(node.client("lambda"), "durable", "logging", "plain", variables=named)
        yield Durable(node, "durable")
