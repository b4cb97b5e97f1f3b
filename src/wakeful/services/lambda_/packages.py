"""Deployment packages: where the code comes from, and what Lambda refuses before it keeps it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.environments.version import BadPackage
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_.errors import InvalidParameterValueException, RequestEntityTooLargeException
from wakeful.services.lambda_.functions import Package
from wakeful.wire.errors import AwsError


async def package_of(call: Call, node: Node, code: Mapping[str, Any], operation: str) -> Package:
    """The package is kept, if it is a zip that can be unpacked. Raises what Lambda answers to any other."""
    if code.get("SourceKMSKeyArn"):
        raise InvalidParameterValueException(
            "Wakeful does not have KMS keys yet (SourceKMSKeyArn): packages are kept as they are; leave the key out."
        )
    if code.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise InvalidParameterValueException(
            "Wakeful runs its own copy of the code (S3ObjectStorageMode REFERENCE): leave it out, or say COPY."
        )
    if "ZipFile" in code and ("S3Bucket" in code or "S3Key" in code):
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if "ZipFile" in code:
        body = code["ZipFile"]
        _check_upload(len(body), operation)
    elif "S3Bucket" in code and "S3Key" in code:
        body = await _from_s3(call, node, code)
    else:
        raise InvalidParameterValueException("Please provide a source for function code.")
    try:
        unzipped_bytes = await node.packages.unzipped_bytes(body)
    except BadPackage as error:
        raise InvalidParameterValueException(str(error)) from error
    blob = await node.blobs.save(body)
    shown = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return Package(blob.key, shown, blob.size, unzipped_bytes, seal=await node.packages.seal(body))


def _check_upload(size: int, operation: str) -> None:
    """A package that is in the request itself has a size, and the request with it."""
    if size * 4 // 3 > limits.LAMBDA_REQUEST_BYTES_MAX:
        raise RequestEntityTooLargeException(
            f"Request must be smaller than {limits.LAMBDA_REQUEST_BYTES_MAX} bytes for the {operation} operation"
        )
    if size > limits.LAMBDA_UPLOAD_BYTES_MAX:
        raise RequestEntityTooLargeException(f"Zipped size must be smaller than {limits.LAMBDA_UPLOAD_BYTES_MAX} bytes")


async def _from_s3(call: Call, node: Node, code: Mapping[str, Any]) -> bytes:
    wanted = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
    if "S3ObjectVersion" in code:
        wanted["VersionId"] = code["S3ObjectVersion"]
    try:
        found = await node.call(call, "s3", "GetObject", wanted)
    except AwsError as error:
        raise InvalidParameterValueException(
            f"Error occurred while GetObject. S3 Error Code: {error.code or error.shape_name}. S3 Error Message:"
            f" {error.message}"
        ) from error
    if found["ContentLength"] >= limits.LAMBDA_UNZIPPED_BYTES_MAX:  # refused before it is read: it is held whole
        raise InvalidParameterValueException(
            f"Unzipped size must be smaller than {limits.LAMBDA_UNZIPPED_BYTES_MAX} bytes"
        )
    return b"".join([piece async for piece in found["Body"]])
