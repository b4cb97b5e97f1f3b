"""CloudWatch's API through boto3: what is put is found, in every statistic, and everything else is refused."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.errors import refusal
from tests.running_node import RunningNode, running_node
from wakeful import limits


@pytest.fixture
def node(shared_node: RunningNode) -> Iterator[RunningNode]:
    """The file's node, and nothing measured on it: that its clock was moved before is as well for all of these."""
    yield shared_node
    shared_node.empty()


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("cloudwatch")


@pytest.fixture(scope="module")
def shared_client(shared_node: RunningNode) -> Any:
    """For what is refused."""
    return shared_node.client("cloudwatch")


@pytest.fixture
def hour(node: RunningNode) -> datetime:
    """The beginning of the next hour, at which the clock then stands."""
    now = node.node.clock.now()
    start = int(now // 3600) * 3600 + 3600
    node.advance(start - now)
    return datetime.fromtimestamp(start, UTC)


def put(client: Any, *values: float, name: str = "Took", at: datetime | None = None, **more: Any) -> None:
    datum = {"MetricName": name, "Values": list(values), **({} if at is None else {"Timestamp": at}), **more}
    client.put_metric_data(Namespace="Shop", MetricData=[datum])


def read(client: Any, hour: datetime, stat: str = "Sum", period: int = 60, **more: Any) -> dict[int, float]:
    """Values by the minutes after the hour."""
    metric = {"Namespace": "Shop", "MetricName": more.pop("name", "Took"), "Dimensions": more.pop("dimensions", [])}
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **more}}
    (found,) = data(client, hour, [query])["MetricDataResults"]
    assert found["StatusCode"] == "Complete"
    return {
        int((at - hour).total_seconds() // 60): value
        for at, value in zip(found["Timestamps"], found["Values"], strict=True)
    }


def data(client: Any, hour: datetime, queries: list[dict[str, Any]], **more: Any) -> Any:
    more.setdefault("EndTime", hour + timedelta(hours=1))
    return client.get_metric_data(MetricDataQueries=queries, StartTime=hour, **more)


def metric_query(query_id: str, stat: str = "Sum", name: str = "Took", period: int = 60, **more: Any) -> dict[str, Any]:
    asked = {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": period, "Stat": stat}
    return {"Id": query_id, "MetricStat": asked, **more}


# --- PutMetricData and what is found of it ---


def test_a_value_that_was_put_is_found_at_once(client: Any, hour: datetime) -> None:
    client.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Took", "Value": 12.5, "Unit": "Seconds"}])
    assert read(client, hour) == {0: 12.5}
    assert read(client, hour, Unit="Seconds") == {0: 12.5}
    assert read(client, hour, Unit="Bytes") == {}


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        *(("SampleCount", 100), ("Sum", 5050), ("Average", 50.5), ("Minimum", 1), ("Maximum", 100)),
        *(("p50", 50), ("p99", 99), ("p99.9", 100), ("tm90", 45.5), ("TM(10%:90%)", 50.5), ("IQM", 50.5)),
        *(("tc90", 90), ("TS(:10)", 55), ("PR(:30)", 30), ("WM(:90%)", 50.05)),
    ],
)
def test_values_and_counts_have_every_statistic(client: Any, hour: datetime, stat: str, value: float) -> None:
    put(client, *range(1, 51), at=hour + timedelta(minutes=3))
    put(client, *range(51, 101), at=hour + timedelta(minutes=3, seconds=59), Counts=[1] * 50)
    assert read(client, hour, stat) == {3: pytest.approx(value, rel=0.011)}


def test_a_statistic_set_has_no_percentiles(client: Any, hour: datetime) -> None:
    told = {"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9}
    client.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Took", "StatisticValues": told}])
    assert read(client, hour, "Average") == {0: 5}
    assert read(client, hour, "p90") == {}
    alike = {"SampleCount": 2, "Sum": 10, "Minimum": 5, "Maximum": 5}
    client.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Other", "StatisticValues": alike}])
    assert read(client, hour, "p90", name="Other") == {0: 5}


def test_different_dimensions_are_different_metrics(client: Any, hour: datetime) -> None:
    till, door = [{"Name": "Where", "Value": each} for each in ("till", "door")]
    weekday = {"Name": "Day", "Value": "Monday"}
    put(client, 1, Dimensions=[till, weekday])
    put(client, 2, Dimensions=[door])
    assert read(client, hour, dimensions=[weekday, till]) == {0: 1}
    assert read(client, hour, dimensions=[door]) == {0: 2}
    assert read(client, hour, dimensions=[till]) == {}
    assert read(client, hour) == {}


def test_seconds_are_kept_for_three_hours(client: Any, node: RunningNode, hour: datetime) -> None:
    for second in (0, 1, 5, 12):
        put(client, 1, at=hour + timedelta(seconds=second), StorageResolution=1)
    asked: dict[str, Any] = {"Namespace": "Shop", "MetricName": "Took", "Statistics": ["Sum"]}
    asked |= {"StartTime": hour, "EndTime": hour + timedelta(minutes=1)}

    def sums(period: int) -> list[float]:
        return [each["Sum"] for each in client.get_metric_statistics(**asked, Period=period)["Datapoints"]]

    assert (sums(1), sums(5), sums(60)) == ([1, 1, 1, 1], [2, 1, 1], [4])
    node.advance(3 * 3600 + 60)
    assert (sums(1), sums(5), sums(60)) == ([], [], [4])
    node.advance(15 * 86400)
    assert (sums(60), read(client, hour, period=300)) == ([], {0: 4})
    node.advance(50 * 86400)
    assert (read(client, hour, period=300), read(client, hour, period=3600)) == ({}, {0: 4})


def test_a_large_request_is_compressed_by_the_client_and_read(client: Any, hour: datetime) -> None:
    many = [{"MetricName": f"Metric{number}", "Value": number} for number in range(1000)]
    client.put_metric_data(Namespace="Shop", MetricData=many)
    assert read(client, hour, name="Metric999") == {0: 999}
    assert sum(len(page["Metrics"]) for page in client.get_paginator("list_metrics").paginate()) == 1000


@pytest.mark.parametrize(
    ("datum", "code", "words"),
    [
        ({}, "MissingParameter", "MetricData.member.1.Value is required"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination", "mutually exclusive"),
        ({"Value": 2.0**361}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        ({"Value": 2.0**-361}, "InvalidParameterValue", "MetricData.member.1.Value is invalid"),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "must be of the same size"),
        ({"Values": [1], "Counts": [-1]}, "InvalidParameterValue", "Counts is invalid"),
        ({"Value": 1, "Counts": [1]}, "InvalidParameterCombination", "can only be specified with"),
        ({"Values": list(range(151))}, "InvalidParameterValue", "from 1 to 150"),
        ({"Value": 1, "StorageResolution": 30}, "InvalidParameterValue", "StorageResolution is invalid"),
        ({"Value": 1, "Unit": "Ells"}, "ValidationError", "enum value set"),
        ({"Value": 1, "Dimensions": [{"Name": "a", "Value": "b"}] * 2}, "InvalidParameterValue", "same Dimension name"),
        ({"Value": 1, "Dimensions": [{"Name": "ä", "Value": "b"}]}, "InvalidParameterValue", "Dimensions is invalid"),
        (
            {"StatisticValues": {"SampleCount": 0, "Sum": 1, "Minimum": 1, "Maximum": 1}},
            *("InvalidParameterValue", "SampleCount is invalid"),
        ),
        (
            {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 2, "Maximum": 1}},
            *("InvalidParameterValue", "Minimum is invalid"),
        ),
    ],
)
def test_data_that_cannot_be_taken_are_refused(
    shared_client: Any, datum: dict[str, Any], code: str, words: str
) -> None:
    found = refusal(shared_client.put_metric_data, Namespace="Shop", MetricData=[{"MetricName": "Took", **datum}])
    assert found[0] == code
    assert words in found[1]
    assert shared_client.list_metrics()["Metrics"] == []


def test_times_and_namespaces_that_cannot_be_are_refused(client: Any, hour: datetime) -> None:
    for apart, words in ((timedelta(days=-15), "two weeks in the past"), (timedelta(hours=3), "two hours")):
        datum = {"MetricName": "Took", "Value": 1, "Timestamp": hour + apart}
        code, message = refusal(client.put_metric_data, Namespace="Shop", MetricData=[datum])
        assert code == "InvalidParameterValue"
        assert words in message
    good = {"MetricName": "Took", "Value": 1}
    assert refusal(client.put_metric_data, Namespace="AWS/Lambda", MetricData=[good])[0] == "InvalidParameterValue"
    assert refusal(client.put_metric_data, Namespace="Shop", MetricData=[])[0] == "MissingParameter"
    assert refusal(client.put_metric_data, Namespace="Shop", MetricData=[good] * 1001)[0] == "InvalidParameterValue"
    code, message = refusal(client.put_metric_data, Namespace="Shop", EntityMetricData=[])
    assert (code, "EntityMetricData" in message) == ("NotImplemented", True)


def test_more_metrics_than_an_account_may_have_are_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "METRICS_MAX", 1)
    put(client, 1)
    data = [{"MetricName": "Other", "Value": 1}]
    assert refusal(client.put_metric_data, Namespace="Shop", MetricData=data)[0] == "LimitExceeded"


# --- ListMetrics ---


def test_metrics_are_listed_by_namespace_name_and_dimensions(client: Any, hour: datetime) -> None:
    put(client, 1, Dimensions=[{"Name": "Where", "Value": "till"}, {"Name": "Day", "Value": "Monday"}])
    put(client, 1, Dimensions=[{"Name": "Where", "Value": "door"}])
    put(client, 1, name="Other")

    def names(**asked: Any) -> list[str]:
        found = client.list_metrics(**asked)["Metrics"]
        return [" ".join([each["MetricName"], *(pair["Value"] for pair in each["Dimensions"])]) for each in found]

    assert names() == ["Took Monday till", "Took door", "Other"]
    assert names(Namespace="Shop", MetricName="Other") == ["Other"]
    assert names(Namespace="Nobody") == []
    assert names(Dimensions=[{"Name": "Where"}]) == ["Took Monday till", "Took door"]
    assert names(Dimensions=[{"Name": "Where", "Value": "till"}, {"Name": "Day"}]) == ["Took Monday till"]


def test_others_have_their_turn_while_metrics_are_looked_through(
    client: Any, node: RunningNode, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "METRICS_LISTED_MAX", 4)
    data = [{"MetricName": f"Metric{number}", "Value": 1} for number in range(40)]
    client.put_metric_data(Namespace="Shop", MetricData=data)
    metrics, turns = node.node.telemetry.metrics, []
    read_all = metrics.read

    async def in_turn(*args: Any) -> Any:
        turns.append("read")
        asyncio.get_running_loop().call_soon(turns.append, "other")
        return await read_all(*args)

    monkeypatch.setattr(metrics, "read", in_turn)
    assert client.list_metrics(Dimensions=[{"Name": "Where"}])["Metrics"] == []
    assert "".join(each[0] for each in turns).startswith("rororororo")


def test_metrics_that_are_silent_are_not_listed(client: Any, node: RunningNode, hour: datetime) -> None:
    put(client, 1)
    assert len(client.list_metrics(RecentlyActive="PT3H")["Metrics"]) == 1
    node.advance(4 * 3600)
    assert client.list_metrics(RecentlyActive="PT3H")["Metrics"] == []
    assert len(client.list_metrics()["Metrics"]) == 1
    node.advance(15 * 86400)
    assert client.list_metrics()["Metrics"] == []


def test_metrics_are_of_one_account_and_region(client: Any, node: RunningNode) -> None:
    put(client, 1)
    assert node.client("cloudwatch", region="eu-west-1").list_metrics()["Metrics"] == []
    assert node.client("cloudwatch", key="111111111111").list_metrics()["Metrics"] == []
    assert refusal(client.list_metrics, IncludeLinkedAccounts=True)[0] == "NotImplemented"
    assert refusal(client.list_metrics, NextToken="x")[0] == "InvalidParameterValue"


# --- GetMetricStatistics ---


def test_statistics_are_by_step_from_the_start(client: Any, hour: datetime) -> None:
    for minute in (2, 3, 7, 8):
        put(client, minute, at=hour + timedelta(minutes=minute), Unit="Count")
    found = client.get_metric_statistics(
        Namespace="Shop",
        MetricName="Took",
        StartTime=hour + timedelta(minutes=3, seconds=20),
        EndTime=hour + timedelta(minutes=60),
        Period=300,
        Statistics=["Sum", "SampleCount"],
    )
    assert found["Label"] == "Took"
    assert [(each["Timestamp"], each["Sum"], each["SampleCount"], each["Unit"]) for each in found["Datapoints"]] == [
        (hour + timedelta(minutes=3), 10, 2, "Count"),
        (hour + timedelta(minutes=8), 8, 1, "Count"),
    ]


def test_extended_statistics_are_by_their_names(client: Any, hour: datetime) -> None:
    put(client, 1, 2, 3, 4)
    asked = {"Namespace": "Shop", "MetricName": "Took", "StartTime": hour, "EndTime": hour + timedelta(hours=1)}
    (point,) = client.get_metric_statistics(**asked, Period=60, ExtendedStatistics=["p50", "tm75"])["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 2, "tm75": 2}


def test_statistics_that_cannot_be_are_refused(client: Any, hour: datetime) -> None:
    good = {"Namespace": "Shop", "MetricName": "Took", "StartTime": hour, "EndTime": hour + timedelta(hours=1)}
    good |= {"Period": 60, "Statistics": ["Sum"]}
    for change, code, words in (
        ({"Period": 7}, "InvalidParameterValue", "Period"),
        ({"EndTime": hour}, "InvalidParameterValue", "StartTime must be less"),
        ({"EndTime": hour + timedelta(days=2)}, "InvalidParameterCombination", "up to 2,880 datapoints"),
        ({"ExtendedStatistics": ["p50"]}, "InvalidParameterCombination", "Exactly one"),
        ({"Statistics": None}, "InvalidParameterCombination", "Exactly one"),
        ({"Statistics": None, "ExtendedStatistics": ["p101"]}, "InvalidParameterValue", "p101"),
    ):
        asked = {name: value for name, value in {**good, **change}.items() if value is not None}
        found = refusal(client.get_metric_statistics, **asked)
        assert (found[0], words in found[1]) == (code, True), found


# --- GetMetricData ---


def test_expressions_are_worked_out_over_metrics_and_each_other(client: Any, hour: datetime) -> None:
    for minute, calls, errors in ((0, 10, 1), (1, 20, None), (3, 5, 5)):
        put(client, calls, name="Calls", at=hour + timedelta(minutes=minute))
        if errors is not None:
            put(client, errors, name="Errors", at=hour + timedelta(minutes=minute))
    queries: list[dict[str, Any]] = [
        {"Id": "rate", "Expression": "failed / calls * 100", "Label": "error rate"},
        {"Id": "failed", "Expression": "FILL(errors, 0)", "ReturnData": False},
        metric_query("calls", name="Calls", ReturnData=False),
        metric_query("errors", name="Errors"),
    ]
    rate, errors = data(client, hour, queries, ScanBy="TimestampAscending")["MetricDataResults"]
    assert (rate["Id"], rate["Label"], rate["Values"]) == ("rate", "error rate", [10, 0, 100])
    assert (errors["Id"], errors["Label"], errors["Values"]) == ("errors", "Errors", [1, 5])
    assert rate["Timestamps"] == [hour + timedelta(minutes=minute) for minute in (0, 1, 3)]
    both = data(client, hour, [*queries[2:], {"Id": "all", "Expression": "METRICS() * 2"}])["MetricDataResults"][1:]
    assert [(each["Id"], each["Label"], each["Values"]) for each in both] == [
        ("all", "all Calls", [10, 40, 20]),
        ("all", "all Errors", [10, 2]),
    ]
    nothing = [metric_query("no", name="No", ReturnData=False), {"Id": "e", "Expression": "no/SUM(no)"}]
    (none,) = data(client, hour, nothing)["MetricDataResults"]
    assert none["Values"] == []


def test_data_come_newest_first_and_in_pages(client: Any, hour: datetime) -> None:
    for minute in range(5):
        put(client, minute, at=hour + timedelta(minutes=minute))
    put(client, 9, name="Other", at=hour)
    queries = [metric_query("m"), metric_query("o", name="Other")]
    pages = list(
        client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=hour,
            EndTime=hour + timedelta(hours=1),
            MaxDatapoints=4,
        )
    )
    assert [page["MetricDataResults"][0]["Values"] for page in pages] == [[4, 3], [2, 1], [0]]
    assert [page["MetricDataResults"][1]["Values"] for page in pages] == [[9], [], []]
    states = [page["MetricDataResults"][0]["StatusCode"] for page in pages]
    assert states == ["PartialData", "PartialData", "Complete"]
    token = pages[0]["NextToken"]
    assert refusal(data, client=client, hour=hour, queries=queries, NextToken=token)[0] == "InvalidNextToken"


def test_a_long_step_is_read_in_parts(
    client: Any, node: RunningNode, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in (0, 1, 2, 9, 10, 59):
        put(client, minute, at=hour + timedelta(minutes=minute))
    metrics = node.node.telemetry.metrics
    read_all, parts = metrics.read, []

    async def counted(work: Any, *args: Any) -> Any:
        parts.append(found := await read_all(work, *args))
        return found

    monkeypatch.setattr(limits, "METRIC_READ_STEP_S", 300)
    monkeypatch.setattr(metrics, "read", counted)
    assert read(client, hour, period=86_400) == {0: 81}
    assert [point.count for part in parts for point in part.values()] == [3, 1, 1, 1]
    parts.clear()
    far = {"StartTime": hour, "EndTime": hour + timedelta(days=3000), "ScanBy": "TimestampAscending"}
    (found,) = client.get_metric_data(MetricDataQueries=[metric_query("q", period=3600)], **far)["MetricDataResults"]
    assert found["Values"] == [81]
    assert len(parts) < 100


def test_deep_expressions_may_depend_on_deep_expressions(client: Any, hour: datetime) -> None:
    put(client, -1, at=hour)

    def nested(name: str) -> str:
        return "ABS(" * 31 + name + ")" * 31

    chain = [{"Id": f"e{each}", "Expression": nested(f"e{each + 1}"), "ReturnData": each == 0} for each in range(31)]
    chain.append({"Id": "e31", "Expression": nested("m"), "ReturnData": False})
    (found,) = data(client, hour, [*chain, metric_query("m", ReturnData=False)])["MetricDataResults"]
    assert found["Values"] == [1]


def test_so_many_series_are_returned_and_no_more(client: Any, hour: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "METRIC_SERIES_MAX", 6)
    queries = [
        metric_query("a"),
        metric_query("b"),
        *({"Id": f"e{each}", "Expression": "METRICS()"} for each in (1, 2)),
    ]
    assert len(data(client, hour, queries)["MetricDataResults"]) == 6
    found = refusal(data, client=client, hour=hour, queries=[*queries, metric_query("c", name="Other")])
    assert found == ("ValidationError", "The queries return more than 6 time series.")


@pytest.mark.parametrize(
    ("queries", "code", "words"),
    [
        ([metric_query("m"), metric_query("m")], "ValidationError", "not unique"),
        ([metric_query("M")], "ValidationError", "lowercase"),
        ([{"Id": "m"}], "ValidationError", "Exactly one of the parameters MetricStat and Expression"),
        ([metric_query("m", stat="p200")], "ValidationError", "p200"),
        ([metric_query("m", ReturnData=False)], "ValidationError", "ReturnData"),
        ([{"Id": "e", "Expression": "1 + 1"}], "ValidationError", "The result is a number"),
        ([{"Id": "e", "Expression": "e + 1"}], "ValidationError", "depends on itself"),
        ([{"Id": "e", "Expression": "x +"}], "ValidationError", "Error in expression 'e'"),
        ([{"Id": "e", "Expression": "SEARCH('{AWS/Lambda,FunctionName}', 'Sum')"}], "NotImplemented", "SEARCH"),
        ([{"Id": "e", "Expression": 'SELECT AVG(x) FROM "Shop"'}], "NotImplemented", "Metrics Insights"),
        ([metric_query("m", Label="${AVG}")], "NotImplemented", "dynamic labels"),
        ([metric_query("m", AccountId="111111111111")], "NotImplemented", "AccountId"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(
    shared_client: Any, hour: datetime, queries: list[dict[str, Any]], code: str, words: str
) -> None:
    found = refusal(data, client=shared_client, hour=hour, queries=queries)
    assert (found[0], words in found[1]) == (code, True), found


# --- what is not here, who may, and other clients ---


def test_alarms_and_dashboards_are_refused_by_name(client: Any) -> None:
    for call, operation in (
        (client.describe_alarms, "DescribeAlarms"),
        (client.list_dashboards, "ListDashboards"),
        (client.list_metric_streams, "ListMetricStreams"),
        (client.describe_anomaly_detectors, "DescribeAnomalyDetectors"),
    ):
        code, message = refusal(call)
        assert (code, operation in message) == ("NotImplemented", True)


def test_a_policy_may_allow_one_namespace_only(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        iam = node.client("iam")
        iam.create_user(UserName="u")
        statement = {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"}
        statement["Condition"] = {"StringEquals": {"cloudwatch:namespace": "Shop"}}  # type: ignore[assignment]
        policy = str({"Version": "2012-10-17", "Statement": [statement]}).replace("'", '"')
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName="u")["AccessKey"]
        client = node.client("cloudwatch", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
        put(client, 1)
        other = [{"MetricName": "x", "Value": 1}]
        assert refusal(client.put_metric_data, Namespace="Other", MetricData=other)[0].startswith("AccessDenied")
        assert refusal(client.list_metrics)[0].startswith("AccessDenied")


def test_the_query_protocol_of_older_clients_is_answered_in_xml(node: RunningNode, client: Any, hour: datetime) -> None:
    form = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "Shop"}
    form |= {"MetricData.member.1.MetricName": "Took", "MetricData.member.1.Value": "4.5"}
    form |= {"MetricData.member.1.Dimensions.member.1.Name": "a", "MetricData.member.1.Dimensions.member.1.Value": "b"}
    assert b"<PutMetricDataResponse xmlns=" in queried(node, form)
    assert read(client, hour, dimensions=[{"Name": "a", "Value": "b"}]) == {0: 4.5}
    told = queried(node, {"Action": "ListMetrics", "Version": "2010-08-01"})
    assert b"<ListMetricsResult><Metrics><member><Namespace>Shop</Namespace>" in told
    with pytest.raises(urllib.error.HTTPError) as refused:
        queried(node, form | {"MetricData.member.1.Value": "NaN"})
    assert b"<Code>InvalidParameterValue</Code>" in refused.value.read()


def queried(node: RunningNode, form: dict[str, str]) -> bytes:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", node.endpoint, data=urlencode(form), headers=headers)
    SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
    made = request.prepare()
    with urllib.request.urlopen(urllib.request.Request(made.url, made.body.encode(), dict(made.headers))) as answer:
        return bytes(answer.read())


def test_what_was_acknowledged_outlives_the_node(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        put(node.client("cloudwatch"), 7)
    with running_node(tmp_path) as node:
        client = node.client("cloudwatch")
        assert [each["MetricName"] for each in client.list_metrics()["Metrics"]] == ["Took"]


@pytest.mark.slow
def test_the_command_line_of_aws_puts_and_reads(node: RunningNode, hour: datetime) -> None:
    aws = shutil.which("aws")
    if aws is None:
        pytest.skip("NO AWS COMMAND LINE ON THIS HOST: nothing was tried with it")
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def run(*words: str) -> str:
        command = [aws, "cloudwatch", *words, "--endpoint-url", node.endpoint, "--region", "us-east-1"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if "command not found" in done.stderr:
            pytest.skip("NO AWS COMMAND LINE ON THIS HOST: nothing was tried with it")
        assert done.returncode == 0, done.stderr
        return done.stdout

    at = hour.strftime("%Y-%m-%dT%H:%M:%SZ")
    end = (hour + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    run("put-metric-data", "--namespace", "Shop", "--metric-name", "Took", "--value", "2.5", "--dimensions", "a=b")
    asked = ["--namespace", "Shop", "--metric-name", "Took", "--dimensions", "Name=a,Value=b", "--output", "json"]
    asked += ["--start-time", at, "--end-time", end, "--period", "60", "--statistics", "Maximum"]
    (point,) = json.loads(run("get-metric-statistics", *asked))["Datapoints"]
    assert point["Maximum"] == 2.5
