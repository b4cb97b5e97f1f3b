"""Kinesis's errors. A class has the name of the model's shape."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class ResourceNotFoundException(AwsError):
    """The requested resource could not be found. The stream might not be specified correctly."""


class ResourceInUseException(AwsError):
    """The resource is not available for this operation. For successful operation, the resource must be in the ACTIVE
    state.
    """


class InvalidArgumentException(AwsError):
    """A specified parameter exceeds its restrictions, is not supported, or can't be used."""


class ValidationException(AwsError):
    """The request failed validation."""


class LimitExceededException(AwsError):
    """The requested resource exceeds the maximum number allowed, or the number of concurrent stream requests exceeds
    the maximum number allowed.
    """


class ProvisionedThroughputExceededException(AwsError):
    """The request rate for the stream is too high, or the requested data is too large for the available throughput.
    Reduce the frequency or size of your requests.
    """


class ExpiredIteratorException(AwsError):
    """The provided iterator exceeds the maximum age allowed."""


class ExpiredNextTokenException(AwsError):
    """The pagination token passed to the operation is expired."""


class DryRunOperationException(AwsError):
    """The request was rejected because the DryRun parameter was specified."""
