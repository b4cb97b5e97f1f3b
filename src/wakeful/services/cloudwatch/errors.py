"""CloudWatch's errors. A class has the name of the model's shape."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class InvalidParameterValueException(AwsError):
    """The value of an input parameter is bad or out-of-range."""


class InvalidParameterCombinationException(AwsError):
    """Parameters were used together that cannot be used together."""


class MissingRequiredParameterException(AwsError):
    """An input parameter that is required is missing."""


class InvalidNextToken(AwsError):
    """The next token specified is invalid."""


class LimitExceededFault(AwsError):
    """The operation exceeded one or more limits."""
