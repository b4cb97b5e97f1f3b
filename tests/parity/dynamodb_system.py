"""A system that answers DynamoDB's API, and what it is asked: single requests, and such as go on until all is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from tests.parity.dynamodb_answers import Answer

Request = dict[str, Any]
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
)
"""Neither looks at the signature."""

_STREAMS = frozenset(("DescribeStream", "GetShardIterator", "GetRecords"))


class System:
    """Requests go to it as they stand: no client looks at them before."""

    def __init__(self, endpoint: str) -> None:
        self._connection = HTTPConnection(endpoint.removeprefix("http://"), timeout=60)
        self._places: dict[str, dict[str, str]] = {}
        self._whole: dict[str, Callable[[Request], Answer]] = {
            "QueryToTheEnd": lambda request: self._to_the_end("Query", request),
            "ScanToTheEnd": self._segments_to_the_end,
            "StatementToTheEnd": self._statement_to_the_end,
            "ChangeTable": self._change_table,
            "Records": self._records,
        }

    def close(self) -> None:
        self._connection.close()

    def ask(self, operation: str, request: Request) -> Answer:
        """What it answers to the operation of DynamoDB's, or to one of those above."""
        whole = self._whole.get(operation)
        return whole(request) if whole is not None else self._answer(operation, request)

    def _answer(self, operation: str, request: Request) -> Answer:
        prefix = "DynamoDBStreams_20120810" if operation in _STREAMS else "DynamoDB_20120810"
        headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self._connection.request(
            "POST", "/", json.dumps(request).encode(), {**headers, "Authorization": _AUTHORIZATION}
        )
        with self._connection.getresponse() as answered:
            return Answer(answered.status, json.loads(answered.read() or b"{}"))

    def must(self, operation: str, request: Request) -> Any:
        """What it answers, which is no error."""
        answer = self._answer(operation, request)
        if answer.status != 200:
            raise AssertionError(f"{operation} {request}: {answer}")
        return answer.body

    def items(self, table: str) -> list[Any]:
        """All that is in the table."""
        answer = self.ask("ScanToTheEnd", {"TableName": table})
        return list(answer.body["Items"])

    def _to_the_end(self, operation: str, request: Request) -> Answer:
        pages: list[Any] = []
        start: Request = {}
        while True:
            page = self._answer(operation, {**request, **start})
            if page.status != 200:
                return page
            pages.append(page.body)
            if "LastEvaluatedKey" not in page.body:
                return Answer(200, _together(pages))
            start = {"ExclusiveStartKey": page.body["LastEvaluatedKey"]}

    def _segments_to_the_end(self, request: Request) -> Answer:
        answers = []
        for segment in range(request.get("TotalSegments", 1)):
            part = {"Segment": segment} if "TotalSegments" in request else {}
            answer = self._to_the_end("Scan", {**request, **part})
            if answer.status != 200:
                return answer
            answers.append(answer.body)
        return Answer(200, _together(answers))

    def _statement_to_the_end(self, request: Request) -> Answer:
        pages: list[Any] = []
        token: Request = {}
        while True:
            page = self._answer("ExecuteStatement", {**request, **token})
            if page.status != 200:
                return page
            pages.append(page.body)
            if "NextToken" not in page.body:
                return Answer(200, {"Items": [item for each in pages for item in each["Items"]]})
            token = {"NextToken": page.body["NextToken"]}

    def _change_table(self, request: Request) -> Answer:
        """What UpdateTable answers. The change is whole then."""
        answer = self._answer("UpdateTable", request)
        while answer.status == 200:
            seen = self._answer("DescribeTable", {"TableName": request["TableName"]})
            if seen.status == 200 and _is_active(seen.body["Table"]):  # DynamoDB Local fails to tell while it changes
                return Answer(200, {"TableDescription": seen.body["Table"]})
        return answer

    def _records(self, request: Request) -> Answer:
        """All records that were not told before, those of a shard in their order."""
        table = request["TableName"]
        arn = self.must("DescribeTable", {"TableName": table})["Table"]["LatestStreamArn"]
        places = self._places.setdefault(table, {})
        told: list[Any] = []
        for shard in self.must("DescribeStream", {"StreamArn": arn})["StreamDescription"]["Shards"]:
            name = shard["ShardId"]
            if name not in places:
                first = {"StreamArn": arn, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
                places[name] = self.must("GetShardIterator", first)["ShardIterator"]
            failed = self._read_on(places, name, told)
            if failed is not None:
                last = {"StreamArn": arn, "ShardId": name, "ShardIteratorType": "LATEST"}
                places[name] = self.must("GetShardIterator", last)["ShardIterator"]
                return failed
        return Answer(200, {"Records": told})

    def _read_on(self, places: dict[str, str], shard: str, told: list[Any]) -> Answer | None:
        """What stands in the way, where something does."""
        while places[shard]:
            page = self._answer("GetRecords", {"ShardIterator": places[shard]})
            if page.status != 200:
                return page
            places[shard] = page.body.get("NextShardIterator", "")
            told += page.body["Records"]
            if not page.body["Records"]:
                return None
        return None


def _is_active(table: Any) -> bool:
    states = {table["TableStatus"], *(each["IndexStatus"] for each in table.get("GlobalSecondaryIndexes", ()))}
    return states == {"ACTIVE"}


def _together(pages: list[Any]) -> Any:
    """All items of the pages, and how many there were."""
    whole = {name: sum(page[name] for page in pages) for name in ("Count", "ScannedCount")}
    return {**whole, "Items": [item for page in pages for item in page.get("Items", ())]}
