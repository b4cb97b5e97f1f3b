"""Listings through an unmodified client, which decodes and goes on by itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode
from tests.services.s3.conftest import BUCKET, refused
from tests.services.s3.nouns import CALL, blob_content
from tests.services.s3.test_listing import model
from wakeful.services.s3 import buckets, events, objects
from wakeful.services.s3.settings import Settings
from wakeful.store.tx import Tx

KEYS = ["a", "b/1", "b/2", "b/c/3", "d+e f", "z", "é/1"]


def fill(node: RunningNode, keys: list[str]) -> None:
    """The objects are there, without the way over HTTP."""

    def put(tx: Tx) -> None:
        bucket = buckets.find(tx, BUCKET)
        for key in keys:
            objects.put(tx, CALL, bucket, key, blob_content("blob"), Settings(), events.PUT)

    node.run(node.node.store.write(put))


def told(answer: dict[str, Any]) -> tuple[list[str], list[str]]:
    keys = [each["Key"] for each in answer.get("Contents", answer.get("Versions", []))]
    return keys, [each["Prefix"] for each in answer.get("CommonPrefixes", [])]


def test_keys_are_listed_in_the_order_of_their_bytes(node: RunningNode, s3: Any) -> None:
    fill(node, ["é", "z", "a", "Z", "\U0001f600", "\uffee", "a!"])
    expected = ["Z", "a", "a!", "z", "é", "\uffee", "\U0001f600"]
    for listing in (s3.list_objects, s3.list_objects_v2, s3.list_object_versions):
        assert told(listing(Bucket=BUCKET)) == (expected, [])


def test_an_empty_bucket_is_an_empty_page(s3: Any) -> None:
    answer = s3.list_objects_v2(Bucket=BUCKET)
    assert (answer["KeyCount"], answer["MaxKeys"], answer["IsTruncated"], answer["Prefix"]) == (0, 1000, False, "")
    assert (answer["Name"], "Contents" in answer) == (BUCKET, False)
    with refused("NoSuchBucket"):
        s3.list_objects_v2(Bucket="nowhere")


def test_a_delimiter_rolls_up_and_a_prefix_looks_inside(node: RunningNode, s3: Any) -> None:
    fill(node, KEYS)
    assert told(s3.list_objects_v2(Bucket=BUCKET, Delimiter="/")) == (["a", "d+e f", "z"], ["b/", "é/"])
    assert told(s3.list_objects_v2(Bucket=BUCKET, Delimiter="/", Prefix="b/")) == (["b/1", "b/2"], ["b/c/"])
    assert told(s3.list_objects(Bucket=BUCKET, Delimiter="/", Prefix="b")) == ([], ["b/"])
    assert told(s3.list_object_versions(Bucket=BUCKET, Prefix="b/c")) == (["b/c/3"], [])
    answer = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/")
    assert (answer["KeyCount"], answer["Delimiter"]) == (5, "/")


def test_a_page_goes_on_where_the_last_one_ended_in_all_three_listings(node: RunningNode, s3: Any) -> None:
    fill(node, KEYS)
    for listing in ("list_objects", "list_objects_v2", "list_object_versions"):
        pages = list(s3.get_paginator(listing).paginate(Bucket=BUCKET, Delimiter="/", PaginationConfig={"PageSize": 2}))
        keys = [key for page in pages for key in told(page)[0]]
        prefixes = [prefix for page in pages for prefix in told(page)[1]]
        assert (keys, prefixes, len(pages)) == (["a", "d+e f", "z"], ["b/", "é/"], 3), listing


def test_the_first_version_says_where_to_go_on_only_with_a_delimiter(node: RunningNode, s3: Any) -> None:
    fill(node, KEYS)
    plain = s3.list_objects(Bucket=BUCKET, MaxKeys=2)
    assert (plain["IsTruncated"], "NextMarker" in plain, plain["Marker"]) == (True, False, "")
    assert s3.list_objects(Bucket=BUCKET, MaxKeys=2, Delimiter="/")["NextMarker"] == "b/"
    after = s3.list_objects(Bucket=BUCKET, Marker="b/", Delimiter="/")
    assert told(after) == (["d+e f", "z"], ["é/"])
    assert told(s3.list_objects(Bucket=BUCKET, Marker="b/"))[0] == KEYS[1:]


def test_a_listing_starts_after_a_key_whether_it_is_there_or_not(node: RunningNode, s3: Any) -> None:
    fill(node, KEYS)
    answer = s3.list_objects_v2(Bucket=BUCKET, StartAfter="b/2")
    assert (told(answer)[0], answer["StartAfter"]) == (KEYS[3:], "b/2")
    assert told(s3.list_objects_v2(Bucket=BUCKET, StartAfter="bb"))[0] == KEYS[4:]


def test_as_many_are_told_as_are_wanted_and_never_more_than_a_thousand(node: RunningNode, s3: Any) -> None:
    fill(node, [f"{number:04}" for number in range(1005)])
    everything = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=5000)
    assert (everything["KeyCount"], everything["MaxKeys"], everything["IsTruncated"]) == (1000, 1000, True)
    exact = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=5, StartAfter="0999")
    assert (exact["KeyCount"], exact["IsTruncated"], "NextContinuationToken" in exact) == (5, False, False)
    nothing = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=0)
    assert (nothing["KeyCount"], nothing["IsTruncated"]) == (0, False)


def test_owners_are_told_to_those_who_ask(node: RunningNode, s3: Any) -> None:
    fill(node, ["k"])
    assert "Owner" not in s3.list_objects_v2(Bucket=BUCKET)["Contents"][0]
    owner = s3.list_objects_v2(Bucket=BUCKET, FetchOwner=True)["Contents"][0]["Owner"]
    assert owner == s3.list_objects(Bucket=BUCKET)["Contents"][0]["Owner"] == s3.list_buckets()["Owner"]


def test_every_object_is_the_latest_version_of_itself(node: RunningNode, s3: Any) -> None:
    fill(node, ["k"])
    (version,) = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert (version["VersionId"], version["IsLatest"], version["Size"]) == ("null", True, 3)
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"MaxKeys": -1}, "max-keys"),
        ({"EncodingType": "base64"}, "encoding-type"),
        ({"ContinuationToken": "no token"}, "continuation-token"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(s3: Any, wrong: dict[str, Any], name: str) -> None:
    with refused("InvalidArgument", status=400, ArgumentName=name):
        s3.list_objects_v2(Bucket=BUCKET, **wrong)


letters = st.text(alphabet="ab/ é", min_size=1, max_size=5)


@examples(30, keeps_fixtures=True)
@given(
    keys=st.lists(letters, max_size=12),
    prefix=st.text(alphabet="ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "b"]),
    size=st.integers(1, 4),
)
def test_all_pages_together_tell_what_the_model_tells(
    node: RunningNode, keys: list[str], prefix: str, delimiter: str, size: int
) -> None:
    node.empty()
    s3 = node.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    fill(node, keys)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    found = [told(page) for page in pages]
    expected = model([key.encode() for key in keys], prefix.encode(), delimiter.encode(), b"")
    assert [key for page in found for key in page[0]] == [name.decode() for kind, name in expected if kind == "key"]
    assert [key for page in found for key in page[1]] == [name.decode() for kind, name in expected if kind == "prefix"]


@pytest.mark.slow
def test_a_page_of_a_hundred_thousand_keys_costs_what_a_page_of_a_thousand_costs(node: RunningNode, s3: Any) -> None:
    def fastest(**request: Any) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            s3.list_objects_v2(Bucket=BUCKET, **request)
            times.append(time.perf_counter() - begun)
        return min(times)

    fill(node, [f"{folder:02}/{number:04}" for folder in range(10) for number in range(100)])
    flat, rolled = fastest(), fastest(Delimiter="/")
    for folder in range(10, 100):
        fill(node, [f"{folder:02}/{number:04}" for number in range(1100)])
    assert fastest() < 10 * flat
    assert fastest(StartAfter="50/") < 10 * flat
    assert fastest(Delimiter="/") < 50 * rolled, "ten times as many folders, with ten times as many keys in each"
