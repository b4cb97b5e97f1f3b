"""S3: buckets, objects, multipart uploads, and notifications of what happens to objects."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.s3 import (
    access_operations,
    bucket_operations,
    buckets,
    content,
    copy_operations,
    listing_operations,
    object_operations,
    rights,
    unset,
    upload_operations,
)
from wakeful.services.s3.api import api

service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    holds={"bucket": "SELECT count(*) AS n FROM s3_buckets"},
    needs=rights.needs,
    policy=buckets.policy,
    resource=buckets.resource,
    policies_changed=buckets.POLICIES_CHANGED,
    unsigned=frozenset(api),
    workers=(content.worker,),
)

__all__ = [
    "access_operations",
    "bucket_operations",
    "copy_operations",
    "listing_operations",
    "object_operations",
    "service",
    "unset",
    "upload_operations",
]
