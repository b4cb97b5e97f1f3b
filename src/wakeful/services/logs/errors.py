"""CloudWatch Logs' errors. A class has the name of the model's shape."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class InvalidParameterException(AwsError):
    """A parameter is specified incorrectly."""


class ResourceNotFoundException(AwsError):
    """The specified resource does not exist."""


class ResourceAlreadyExistsException(AwsError):
    """The specified resource already exists."""


class TooManyTagsException(AwsError):
    """A resource can have no more than 50 tags."""


class ValidationException(AwsError):
    """One of the parameters for the request is not valid."""


class LimitExceededException(AwsError):
    """You have reached the maximum number of resources that can be created."""
