"""What a refused call answered."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Any, /, **request: Any) -> tuple[str, str]:
    """The code and the message of the error that the call must end in."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def status_of(call: Any, /, **request: Any) -> int:
    """The HTTP status of the error that the call must end in."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    return int(refused.value.response["ResponseMetadata"]["HTTPStatusCode"])
