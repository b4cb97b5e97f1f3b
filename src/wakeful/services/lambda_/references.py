"""How a request names a function: a name, an account and a name, a whole ARN; with a qualifier in it or beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
    ValidationException,
)

LATEST = "$LATEST"

LATEST_PUBLISHED = "$LATEST.PUBLISHED"
"""The version of a function with a capacity provider that is published anew in place of what it was before."""

_FORM = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Which function, and which version or alias of it; "" where the request did not say."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def arn(self) -> str:
        """The function's ARN, without qualifier: what its rows are found by."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified(self) -> str:
        """The ARN as the request meant it."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def reference(call: Call, function_name: str, qualifier: str | None = None) -> Reference:
    """What `FunctionName` and `Qualifier` of a request mean. Raises what Lambda answers where they contradict."""
    parts = _FORM.fullmatch(function_name)
    if parts is None:
        raise InvalidParameterValueException(f"Invalid function name: {function_name}")
    named = parts["qualifier"]
    if named and qualifier and named != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    region = parts["region"] or call.region
    if region != call.region:
        raise ResourceNotFoundException(f"Functions from '{region}' are not reachable in this region ('{call.region}')")
    return Reference(parts["account"] or call.account, region, parts["name"], named or qualifier or "")


def of_new(call: Call, function_name: str) -> Reference:
    """What a function that shall be made is called. Raises what Lambda answers where it cannot be called so."""
    made = reference(call, function_name)
    if made.qualifier:
        pattern = api.model.shape_for("FunctionName").metadata["pattern"]
        raise ValidationException(_complaint(function_name, f"satisfy regular expression pattern: {pattern}"))
    if made.account != call.account:
        raise AccessDeniedException(f"A function is made in the account of the caller ({call.account}).")
    if len(made.name) > limits.LAMBDA_NAME_CHARS_MAX:
        raise InvalidParameterValueException(
            _complaint(made.name, f"have length less than or equal to {limits.LAMBDA_NAME_CHARS_MAX}")
        )
    return made


def _complaint(name: str, constraint: str) -> str:
    return (
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must"
        f" {constraint}"
    )


def of_arn(arn: str) -> Reference:
    """The function an ARN names. Raises ValueError for any other ARN."""
    parts = _FORM.fullmatch(arn)
    if parts is None or not parts["region"] or not parts["account"]:
        raise ValueError(f"not the ARN of a function: {arn}")
    return Reference(parts["account"], parts["region"], parts["name"], parts["qualifier"] or "")
