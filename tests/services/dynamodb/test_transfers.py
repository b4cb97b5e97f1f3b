"""Exports and imports: what a table holds as files in a bucket, as AWS lays them out, and back into a table."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode
from tests.services.dynamodb.kept import ARN, NAME, contents, definitions, keys, plain, put, refused
from wakeful import limits
from wakeful.services.dynamodb.copies import imports, ion, unpacking

EVERYTHING: dict[str, Any] = {
    "p": {"S": "every'thing \"\n"},
    "B": {"B": b"\x00\xff"},
    "n": {"N": "1.5"},
    "whole": {"N": "103"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": [b"x"]},
    "l": {"L": [{"N": "1"}, {"NULL": True}, {"L": []}]},
    "m": {"M": {"odd name": {"BOOL": True}, "null": {"BOOL": False}}},
}


@pytest.fixture
def dynamodb(node: RunningNode) -> Any:
    node.client("s3").create_bucket(Bucket="out")
    return node.client("dynamodb")


def recoverable(dynamodb: Any) -> None:
    """There is a table of which every moment can be had back."""
    dynamodb.create_table(**plain(NAME))
    dynamodb.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def exported(node: RunningNode, dynamodb: Any, **more: Any) -> dict[str, Any]:
    """The description of an export that is over."""
    asked = {"TableArn": ARN, "S3Bucket": "out", **more}
    begun = dynamodb.export_table_to_point_in_time(**asked)["ExportDescription"]
    assert begun["ExportStatus"] == "IN_PROGRESS"
    assert begun["ClientToken"]
    assert ("ExportType" in begun) == ("ExportType" in more), "nobody is told what is not said"
    node.settle()
    return dict(dynamodb.describe_export(ExportArn=begun["ExportArn"])["ExportDescription"])


def files(node: RunningNode, prefix: str = "") -> dict[str, bytes]:
    s3 = node.client("s3")
    found = s3.list_objects_v2(Bucket="out", Prefix=prefix).get("Contents", ())
    return {each["Key"]: s3.get_object(Bucket="out", Key=each["Key"])["Body"].read() for each in found}


def lines(there: dict[str, bytes]) -> list[str]:
    """Of all data files."""
    data = [gzip.decompress(content).decode() for key, content in there.items() if "/data/" in key]
    return [line for each in data for line in each.splitlines()]


def test_an_export_is_laid_out_as_aws_lays_it_out(
    node: RunningNode, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 4)
    monkeypatch.setattr(limits, "DYNAMODB_EXPORT_FILE_BYTES", 100)
    recoverable(dynamodb)
    for number in range(20):
        put(dynamodb, f"key-{number}", number)
    done = exported(node, dynamodb, S3Prefix="some/where")
    assert done["ExportStatus"] == "COMPLETED"
    assert done["ItemCount"] == 20
    assert done["BilledSizeBytes"] == dynamodb.describe_table(TableName=NAME)["Table"]["TableSizeBytes"]
    folder = f"some/where/AWSDynamoDB/{done['ExportArn'].rpartition('/')[2]}/"
    assert done["ExportManifest"] == f"{folder}manifest-summary.json"
    there = files(node)
    data = {key for key in there if key.startswith(f"{folder}data/") and key.endswith(".json.gz")}
    manifests = {f"{folder}manifest-{name}" for name in ("files.json", "files.md5", "summary.json", "summary.md5")}
    assert set(there) == {f"{folder}_started", *manifests, *data}
    assert len(data) > 2
    for name in ("files", "summary"):
        known = there[f"{folder}manifest-{name}.json"]
        assert there[f"{folder}manifest-{name}.md5"] == b64encode(md5(known, usedforsecurity=False).digest())
    told = [json.loads(line) for line in there[f"{folder}manifest-files.json"].splitlines()]
    assert {each["dataFileS3Key"] for each in told} == data
    for each in told:
        content = there[each["dataFileS3Key"]]
        assert each["itemCount"] == len(gzip.decompress(content).splitlines())
        assert each["md5Checksum"] == b64encode(md5(content, usedforsecurity=False).digest()).decode()
        assert each["etag"] == md5(content, usedforsecurity=False).hexdigest()
    summary = json.loads(there[f"{folder}manifest-summary.json"])
    assert summary["exportArn"] == done["ExportArn"]
    assert summary["manifestFilesS3Key"] == f"{folder}manifest-files.json"
    assert (summary["itemCount"], summary["outputFormat"]) == (20, "DYNAMODB_JSON")
    items = [json.loads(line)["Item"] for line in lines(there)]
    assert {each["p"]["S"]: int(each["v"]["N"]) for each in items} == contents(node)


def test_an_export_is_of_its_moment_and_an_incremental_one_of_what_has_changed(
    node: RunningNode, dynamodb: Any
) -> None:
    recoverable(dynamodb)
    put(dynamodb, "stays", 0)
    put(dynamodb, "changes", 1)
    put(dynamodb, "goes", 2)
    node.advance(2)
    since = int(node.node.clock.now()) - 1
    put(dynamodb, "changes", 3)
    put(dynamodb, "changes", 4)
    put(dynamodb, "comes", 5)
    dynamodb.delete_item(TableName=NAME, Key={"p": {"S": "goes"}})
    put(dynamodb, "passes", 6)
    dynamodb.delete_item(TableName=NAME, Key={"p": {"S": "passes"}})
    node.advance(1000)
    until = int(node.node.clock.now()) - 1
    put(dynamodb, "later", 7)
    done = exported(node, dynamodb, ExportTime=since, S3Prefix="full", ExportType="FULL_EXPORT")
    assert int(done["ExportTime"].timestamp()) == since
    items = [json.loads(line)["Item"] for line in lines(files(node, "full"))]
    assert {each["p"]["S"]: int(each["v"]["N"]) for each in items} == {"stays": 0, "changes": 1, "goes": 2}
    window = {"ExportFromTime": since, "ExportToTime": until}
    more = {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": window}
    done = exported(node, dynamodb, S3Prefix="more", **more)
    assert (done["ExportStatus"], done["ItemCount"]) == ("COMPLETED", 3)
    changes = {each["Keys"]["p"]["S"]: each for each in map(json.loads, lines(files(node, "more")))}
    assert set(changes) == {"changes", "goes", "comes"}
    assert changes["changes"]["OldImage"]["v"] == {"N": "1"}
    assert changes["changes"]["NewImage"]["v"] == {"N": "4"}
    assert since < int(changes["changes"]["Metadata"]["WriteTimestampMicros"]["N"]) / 1e6 < until
    assert "NewImage" not in changes["goes"]
    assert "OldImage" not in changes["comes"]
    summary = json.loads(files(node, "more")[done["ExportManifest"]])
    assert (summary["exportType"], summary["outputView"]) == ("INCREMENTAL_EXPORT", "NEW_AND_OLD_IMAGES")
    export = dynamodb.export_table_to_point_in_time
    short = {"ExportFromTime": until - 60, "ExportToTime": until}
    code, message = refused(
        export, TableArn=ARN, S3Bucket="out", ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=short
    )
    assert (code, message.partition(" from ")[0]) == ("InvalidExportTimeException", "Difference between export period")


def test_an_export_that_cannot_be_written_has_failed_and_says_why(node: RunningNode, dynamodb: Any) -> None:
    recoverable(dynamodb)
    failed = exported(node, dynamodb, S3Bucket="nowhere-at-all")
    assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    assert "bucket does not exist" in failed["FailureMessage"]
    foreign = exported(node, dynamodb, S3BucketOwner="111111111111")
    assert (foreign["ExportStatus"], foreign["FailureCode"]) == ("FAILED", "S3AccessDenied")
    listed = dynamodb.list_exports(TableArn=ARN, MaxResults=1)
    assert listed["ExportSummaries"] == [
        {"ExportArn": foreign["ExportArn"], "ExportStatus": "FAILED", "ExportType": "FULL_EXPORT"}
    ]
    (second,) = dynamodb.list_exports(TableArn=ARN, NextToken=listed["NextToken"])["ExportSummaries"]
    assert second["ExportArn"] == failed["ExportArn"]
    assert refused(dynamodb.list_exports, NextToken="0123456789abcdef")[0] == "ValidationException"
    assert refused(dynamodb.describe_export, ExportArn=ARN) == ("ValidationException", "Invalid Export ARN")
    export = dynamodb.export_table_to_point_in_time
    assert refused(export, TableArn=f"{ARN}s", S3Bucket="out") == (
        "TableNotFoundException",
        f"Table not found: {NAME}s",
    )
    dynamodb.create_table(**plain("others"))
    assert refused(export, TableArn=ARN.replace(NAME, "others"), S3Bucket="out")[0] == (
        "PointInTimeRecoveryUnavailableException"
    )


def test_an_export_with_the_same_token_is_the_same_export(node: RunningNode, dynamodb: Any) -> None:
    recoverable(dynamodb)
    export = dynamodb.export_table_to_point_in_time
    asked = {"TableArn": ARN, "S3Bucket": "out", "ClientToken": "mine"}
    first = export(**asked)["ExportDescription"]
    node.settle()
    assert export(**asked)["ExportDescription"]["ExportArn"] == first["ExportArn"]
    code, message = refused(export, **asked, ExportFormat="ION")
    assert (code, message.partition(" with")[0]) == ("ExportConflictException", "Duplicate request detected")


def test_ion_has_every_type_as_exports_write_it(node: RunningNode, dynamodb: Any) -> None:
    recoverable(dynamodb)
    dynamodb.put_item(TableName=NAME, Item=EVERYTHING)
    done = exported(node, dynamodb, ExportFormat="ION")
    (line,) = lines(files(node))
    folder = done["ExportManifest"].rpartition("/")[0]
    told = imported(node, dynamodb, f"{folder}/data/", "ION", InputCompressionType="GZIP")
    assert told["ImportedItemCount"] == 1
    found = dynamodb.get_item(TableName="again", Key={"p": EVERYTHING["p"]})["Item"]
    assert found == EVERYTHING
    assert line.startswith("$ion_1_0 {Item:{")
    for part in (
        *('p:"every\'thing \\"\\n"', "B:{{AP8=}}", "n:1.5", "whole:103.", 'ss:$dynamodb_SS::["a","b"]'),
        *("ns:$dynamodb_NS::[1.,2.]", "bs:$dynamodb_BS::[{{eA==}}]", "l:[1.,null,[]]"),
        "m:{'odd name':true,'null':false}",
    ):
        assert part in line, part


# --- imports ---------------------------------------------------------------------------------------------------------


def imported(node: RunningNode, dynamodb: Any, prefix: str, form: str, **more: Any) -> dict[str, Any]:
    """The description of an import that is over, of what lies there in the bucket."""
    wanted = plain("again", **more.pop("table", {}))
    source = {"S3Bucket": "out", "S3KeyPrefix": prefix, **more.pop("source", {})}
    begun = dynamodb.import_table(S3BucketSource=source, InputFormat=form, TableCreationParameters=wanted, **more)[
        "ImportTableDescription"
    ]
    assert begun["ImportStatus"] == "IN_PROGRESS"
    node.settle()
    assert dynamodb.describe_table(TableName="again")["Table"]["TableStatus"] == "ACTIVE"
    return dict(dynamodb.describe_import(ImportArn=begun["ImportArn"])["ImportTableDescription"])


@pytest.mark.parametrize("form", ["DYNAMODB_JSON", "ION"])
def test_what_was_exported_can_be_imported(
    node: RunningNode, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 4)
    monkeypatch.setattr(limits, "DYNAMODB_EXPORT_FILE_BYTES", 100)
    recoverable(dynamodb)
    for number in range(20):
        put(dynamodb, f"key-{number}", number)
    done = exported(node, dynamodb, ExportFormat=form)
    folder = done["ExportManifest"].rpartition("/")[0]
    told = imported(node, dynamodb, f"{folder}/data/", form, InputCompressionType="GZIP")
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ErrorCount"]) == ("COMPLETED", 20, 0)
    assert contents(node, "again") == contents(node)
    (listed,) = dynamodb.list_imports()["ImportSummaryList"]
    assert listed["ImportArn"] == told["ImportArn"]
    assert refused(
        dynamodb.import_table,
        S3BucketSource={"S3Bucket": "out"},
        InputFormat="CSV",
        TableCreationParameters=plain("again"),
    ) == ("ResourceInUseException", "Table already exists: again")


def test_what_cannot_be_imported_is_counted_and_logged(node: RunningNode, dynamodb: Any) -> None:
    wrong = [b"no JSON", b'{"Other":{}}', b'{"Item":{"v":{"N":"1"}}}', b'{"Item":{"p":{"S":"b"},"v":{"N":"x"}}}']
    good = [b'{"Item":{"p":{"S":"a"},"v":{"N":"01.0"}}}', b"", b'{"Item":{"p":{"S":"c"},"v":{"N":"3"}}}']
    node.client("s3").put_object(Bucket="out", Key="in/1.json", Body=b"\n".join([good[0], *wrong, *good[1:]]))
    told = imported(node, dynamodb, "in/", "DYNAMODB_JSON")
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ErrorCount"]) == ("COMPLETED", 2, 4)
    assert told["ProcessedItemCount"] == 6
    assert contents(node, "again") == {"a": 1, "c": 3}
    group = told["CloudWatchLogGroupArn"].partition("log-group:")[2].removesuffix(":*")
    found = node.client("logs").filter_log_events(logGroupName=group)["events"]
    logged = [json.loads(each["message"]) for each in found]
    assert [each["itemS3Pointer"]["itemIndex"] for each in logged] == [1, 2, 3, 4]
    assert logged[2]["itemS3Pointer"]["key"] == "in/1.json"
    assert "Missing the key p in the item" in logged[2]["errorMessages"][0]


def test_rows_of_csv_are_items_whose_keys_have_their_types(node: RunningNode, dynamodb: Any) -> None:
    text = 'p;n;text\r\na;1;"two\r\nlines; and ""more"""\nb;2;plain\nb;only two\n'
    node.client("s3").put_object(Bucket="out", Key="rows.csv", Body=text.encode())
    types = {"AttributeDefinitions": definitions(p="S", n="N"), "KeySchema": keys("p", sort=("n",))}
    options = {"Csv": {"Delimiter": ";"}}
    told = imported(node, dynamodb, "rows.csv", "CSV", InputFormatOptions=options, table=types)
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ErrorCount"]) == ("COMPLETED", 2, 1)
    item = dynamodb.get_item(TableName="again", Key={"p": {"S": "a"}, "n": {"N": "1"}})["Item"]
    assert item["text"] == {"S": 'two\r\nlines; and "more"'}


@pytest.mark.parametrize(
    ("prefix", "source", "code"),
    [
        ("nothing/", {}, "S3NoSuchKey"),
        ("", {"S3Bucket": "nowhere-at-all"}, "S3NoSuchBucket"),
        ("", {"S3BucketOwner": "111111111111"}, "S3AccessDenied"),
    ],
)
def test_an_import_from_nowhere_has_failed_and_says_why(
    node: RunningNode, dynamodb: Any, prefix: str, source: dict[str, str], code: str
) -> None:
    told = imported(node, dynamodb, prefix, "DYNAMODB_JSON", source=source)
    assert (told["ImportStatus"], told["FailureCode"]) == ("FAILED", code)


def test_an_import_that_was_broken_off_counts_nothing_twice(
    node: RunningNode, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DYNAMODB_COPIED_AT_ONCE", 2)
    lines = [b'{"Item":{"p":{"S":"%d"},"v":{"N":"%d"}}}' % (number, number) for number in range(7)]
    node.client("s3").put_object(Bucket="out", Key="in.json", Body=b"\n".join(lines))
    with _broken_off(monkeypatch, after=2):
        asked = {"S3BucketSource": {"S3Bucket": "out"}, "InputFormat": "DYNAMODB_JSON"}
        begun = dynamodb.import_table(**asked, TableCreationParameters=plain("again"))["ImportTableDescription"]
        node.advance(600)  # until after the second attempt
    told = dynamodb.describe_import(ImportArn=begun["ImportArn"])["ImportTableDescription"]
    assert told["ImportStatus"] == "COMPLETED"
    assert (told["ProcessedItemCount"], told["ImportedItemCount"]) == (7, 7)
    assert contents(node, "again") == {str(number): number for number in range(7)}


@contextmanager
def _broken_off(monkeypatch: pytest.MonkeyPatch, *, after: int) -> Iterator[None]:
    """The worker fails once, when it has put that many portions."""
    put, done = imports._Job._put, []

    async def failing(job: Any, portion: Any) -> None:
        await put(job, portion)
        done.append(portion)
        if len(done) == after:
            raise RuntimeError("a mistake, once")

    monkeypatch.setattr(imports._Job, "_put", failing)
    yield
    assert len(done) > after


# --- rules -----------------------------------------------------------------------------------------------------------


@examples(100)
@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 3))
def test_what_was_packed_is_unpacked_in_pieces_of_any_size(content: bytes, size: int, members: int) -> None:
    step = max(1, len(content) // members)
    packed = b"".join(gzip.compress(content[at : at + step]) for at in range(0, max(1, len(content)), step))
    unpacker = unpacking.unpacker("GZIP")
    found = b"".join(piece for at in range(0, len(packed), size) for piece in unpacker.unpack(packed[at : at + size]))
    unpacker.finish()
    assert found == content


def test_what_is_not_packed_or_ends_early_is_told() -> None:
    with pytest.raises(unpacking.Malformed):
        list(unpacking.unpacker("GZIP").unpack(b"no such thing"))
    early = unpacking.unpacker("GZIP")
    list(early.unpack(gzip.compress(b"some content")[:-4]))
    with pytest.raises(unpacking.Malformed):
        early.finish()


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_zstd_is_unpacked_where_its_library_is(size: int) -> None:
    zstandard = pytest.importorskip("zstandard")
    content = b"0123456789" * 1000
    packed = zstandard.ZstdCompressor().compress(content) * 2
    unpacker = unpacking.unpacker("ZSTD")
    pieces = [piece for at in range(0, len(packed), size) for piece in unpacker.unpack(packed[at : at + size])]
    unpacker.finish()
    assert b"".join(pieces) == content * 2


@examples(100)
@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b" "))), st.integers(1, 9))
def test_lines_are_cut_wherever_pieces_end(found: list[bytes], size: int) -> None:
    content = b"\n".join(found)
    cutter = unpacking.Lines()
    lines = [line for at in range(0, len(content), size) for line in cutter.cut(content[at : at + size])]
    assert [*lines, *cutter.last()] == (found if found and found[-1] else found[:-1])


@pytest.mark.parametrize(("text", "told"), [("1", "1."), ("-0.5", "-0.5"), ("1E+100", "1d100"), ("1E-7", "1d-7")])
def test_numbers_are_decimals_in_ion(text: str, told: str) -> None:
    assert ion.written({"n": {"N": text}}) == f"{{n:{told}}}"
