"""EventBridge's errors. A class has the name of the model's shape, or the code AWS answers where the model has none."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class ValidationException(AwsError):
    """A parameter is not valid."""

    code = "ValidationException"
    status = 400


class ResourceNotFoundException(AwsError):
    """An entity that you specified does not exist."""


class ResourceAlreadyExistsException(AwsError):
    """The resource you are trying to create already exists."""


class LimitExceededException(AwsError):
    """The requested resource exceeds the maximum number allowed."""


class PolicyLengthExceededException(AwsError):
    """The event bus policy is too long."""
