"""Objects: put, replaced and removed, with every blob counted. On both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import OpenStore
from tests.examples import examples
from tests.services.s3.nouns import CALL, blob_content, due_work, ledger, references
from wakeful.services.s3 import buckets, events, objects, uploads
from wakeful.services.s3.errors import NoSuchKey
from wakeful.services.s3.settings import Settings
from wakeful.store.tx import Tx

PLAIN = Settings(headers={"ContentType": "text/plain"}, metadata={"a": "b"}, tags={"t": "1"})


async def test_an_object_is_found_as_it_was_put(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        put = await store.write(objects.put, CALL, bucket, "a/ü \x00", blob_content("b"), PLAIN, events.PUT)
        found = await store.read(objects.find, bucket, "a/ü \x00")
        assert found == put
        assert found.settings == PLAIN
        with pytest.raises(NoSuchKey) as refused:
            await store.read(objects.find, bucket, "a/ü")
        assert refused.value.members == {"Key": "a/ü"}


async def test_a_replaced_object_lets_its_blob_go_and_the_same_bytes_again_stay(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        await store.write(objects.put, CALL, bucket, "k", blob_content("one"), PLAIN, events.PUT)
        await store.write(objects.put, CALL, bucket, "k", blob_content("one"), PLAIN, events.PUT)
        assert await store.read(references) == {"one": 1}
        await store.write(objects.put, CALL, bucket, "k", blob_content("two"), PLAIN, events.PUT)
        assert await store.read(references) == {"two": 1}
        assert "blob.sweep one" in await store.read(due_work)


async def test_an_object_of_parts_lets_them_go_by_a_row_of_work(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        parts = replace(blob_content("x"), blob=None, upload="upload", parts=2)
        await store.write(objects.put, CALL, bucket, "k", parts, PLAIN, events.COMPLETED)
        await store.write(objects.remove, CALL, bucket, "k")
        assert await store.read(due_work) == ["s3.discard upload"]


async def test_removing_what_is_not_there_changes_nothing(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        await store.write(objects.remove, CALL, bucket, "k")
        assert await store.read(references) == {}


async def test_a_write_and_a_deletion_overtake_the_uploads_to_that_key_alone(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        here = await store.write(uploads.begin, "shelf", "k", PLAIN, "arn", None, None)
        there = await store.write(uploads.begin, "shelf", "other", PLAIN, "arn", None, None)
        await store.write(objects.put, CALL, bucket, "k", blob_content("b"), PLAIN, events.PUT)
        assert (await store.read(uploads.find, "shelf", "k", here)).is_overtaken
        assert not (await store.read(uploads.find, "shelf", "other", there)).is_overtaken
        later = await store.write(uploads.begin, "shelf", "k", PLAIN, "arn", None, None)
        await store.write(objects.remove, CALL, bucket, "k")
        assert (await store.read(uploads.find, "shelf", "k", later)).is_overtaken


steps = st.lists(
    st.tuples(st.sampled_from(["put", "copy", "remove"]), st.sampled_from("ab"), st.sampled_from(["x", "y", "z"])),
    max_size=12,
)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@examples(40, keeps_fixtures=True)
@given(script=steps)
async def test_after_any_story_every_blob_is_counted_as_often_as_it_is_named(
    open_store: OpenStore, script: list[tuple[str, str, str]]
) -> None:
    async with ledger(open_store, name=f"story{abs(hash(tuple(script)))}") as (store, bucket):

        def play(tx: Tx) -> dict[str, str]:
            named: dict[str, str] = {}
            for what, key, other in script:
                if what == "put":
                    objects.put(tx, CALL, bucket, key, blob_content(other), PLAIN, events.PUT)
                    named[key] = other
                elif what == "remove":
                    objects.remove(tx, CALL, bucket, key)
                    named.pop(key, None)
                elif key in named:
                    found = objects.find(tx, bucket, key)
                    objects.put(tx, CALL, bucket, f"copy-{other}", found.content, PLAIN, events.COPIED)
                    named[f"copy-{other}"] = named[key]
            return named

        named = await store.write(play)
        counted: dict[str, Any] = {blob: list(named.values()).count(blob) for blob in set(named.values())}
        assert await store.read(references) == counted


async def test_objects_of_two_buckets_with_one_key_are_two(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        other = await store.write(buckets.create, CALL, "other", "us-east-1", {})
        await store.write(objects.put, CALL, bucket, "k", blob_content("b"), PLAIN, events.PUT)
        assert await store.read(objects.get, other, "k") is None
