"""What a function did to the world: objects in a bucket, which nothing undoes."""

from __future__ import annotations

import os
import uuid
from functools import cache
from typing import Any

import boto3


@cache
def _s3() -> Any:
    return boto3.client("s3")


def did(run: str, what: str, body: str = "") -> None:
    """It is known to have happened, once more."""
    _s3().put_object(Bucket=os.environ["EFFECTS"], Key=f"{run}/{what}/{uuid.uuid4().hex}", Body=body.encode())


def count(run: str, what: str = "") -> int:
    """How often it happened."""
    found = _s3().list_objects_v2(Bucket=os.environ["EFFECTS"], Prefix=f"{run}/{what}")
    return int(found["KeyCount"])
