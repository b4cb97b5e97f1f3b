"""Buckets: names, owners, and what may be said about them. On both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import OpenStore
from tests.services.s3.nouns import ACCOUNT, CALL, blob_content, ledger
from wakeful.fabric.service import Resource
from wakeful.services.s3 import buckets, events, objects, uploads
from wakeful.services.s3.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    InvalidBucketName,
    InvalidBucketOwnerAWSAccountID,
    NoSuchBucket,
)
from wakeful.services.s3.settings import Settings


@pytest.mark.parametrize("name", ["abc", "a.b-c.1", "x" * 63, "1bucket", "my-bucket.example.com"])
def test_a_name_that_follows_the_rules_is_taken(name: str) -> None:
    buckets.check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("ab", "x" * 64, "Bucket", "under_score", "-a1", "a1-", ".ab", "ab.", "a..b", "192.168.5.4"),
        *("xn--ab", "sthree-ab", "amzn-s3-demo-x", "x-s3alias", "x--ol-s3", "x.mrap", "x--x-s3", "x--table-s3", "aß1"),
    ],
)
def test_a_name_that_breaks_the_rules_is_refused(name: str) -> None:
    with pytest.raises(InvalidBucketName):
        buckets.check_name(name)


async def test_a_name_belongs_to_one_account_in_all_regions(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        again = await store.write(buckets.create, CALL, "shelf", "us-east-1", {})
        assert again.account == ACCOUNT
        elsewhere = replace(CALL, region="eu-west-1")
        with pytest.raises(BucketAlreadyOwnedByYou):
            await store.write(buckets.create, elsewhere, "shelf", "eu-west-1", {})
        other = replace(CALL, account="999999999999")
        with pytest.raises(BucketAlreadyExists):
            await store.write(buckets.create, other, "shelf", "us-east-1", {})


async def test_a_bucket_is_found_only_where_the_expected_account_owns_it(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        assert await store.read(buckets.find, "shelf", ACCOUNT) == bucket
        with pytest.raises(AccessDenied):
            await store.read(buckets.find, "shelf", "999999999999")
        with pytest.raises(InvalidBucketOwnerAWSAccountID):
            await store.read(buckets.find, "shelf", "me")
        with pytest.raises(NoSuchBucket):
            await store.read(buckets.find, "nowhere")


async def test_a_bucket_with_an_object_cannot_be_deleted_and_an_empty_one_leaves_nothing(
    open_store: OpenStore,
) -> None:
    async with ledger(open_store) as (store, bucket):
        await store.write(objects.put, CALL, bucket, "k", blob_content("b"), Settings(), events.PUT)
        with pytest.raises(BucketNotEmpty):
            await store.write(buckets.delete, bucket)
        await store.write(objects.remove, CALL, bucket, "k")
        await store.write(uploads.begin, "shelf", "k", Settings(), "arn", None, None)
        await store.write(uploads.drop_all, "shelf")
        await store.write(buckets.delete, bucket)
        assert await store.read(buckets.get, "shelf") is None


async def test_no_object_can_come_into_a_bucket_that_is_gone(open_store: OpenStore) -> None:
    """Whoever found the bucket a moment ago, in another transaction, is stopped by the table itself."""
    async with ledger(open_store) as (store, bucket):
        await store.write(buckets.delete, bucket)
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await store.write(objects.put, CALL, bucket, "k", blob_content("b"), Settings(), events.PUT)


async def test_buckets_are_listed_by_name_from_a_place_on(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        for name, region in (("b-1", "us-east-1"), ("b-2", "eu-west-1"), ("b-3", "us-east-1")):
            await store.write(buckets.create, CALL, name, region, {})
        listed = [
            [bucket.name for bucket in await store.read(buckets.listed, ACCOUNT, prefix, after, region, count)]
            for prefix, after, region, count in (
                ("", "", None, 9),
                ("b", "b-1", None, 9),
                ("", "", "eu-west-1", 9),
                ("", "", None, 2),
            )
        ]
        assert listed == [["b-1", "b-2", "b-3", "shelf"], ["b-2", "b-3"], ["b-2"], ["b-1", "b-2"]]
        assert await store.read(buckets.listed, "999999999999", "", "", None, 9) == []


async def test_a_policy_is_found_by_the_arn_of_the_bucket_and_of_what_is_in_it(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, bucket):
        nothing = '{"Statement": []}'
        await store.write(buckets.set_policy, bucket, nothing)
        for arn in ("arn:aws:s3:::shelf", "arn:aws:s3:::shelf/a/b"):
            assert await store.read(buckets.policy, arn) == nothing
        assert await store.read(buckets.policy, "arn:aws:s3:::nowhere/x") is None
        assert await store.read(buckets.resource, "arn:aws:s3:::shelf/a") == Resource("arn:aws:s3:::shelf/a", ACCOUNT)
        assert (await store.read(buckets.resource, "arn:aws:s3:::nowhere/x")).account == ""
