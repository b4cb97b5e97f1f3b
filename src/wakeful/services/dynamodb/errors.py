"""DynamoDB's errors. A class has the name of the model's shape, or AWS's code where the model has none."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class ValidationException(AwsError):
    """The input fails to satisfy the constraints specified by an AWS service."""

    status = 400


class ResourceNotFoundException(AwsError):
    """Requested resource not found"""


class ResourceInUseException(AwsError):
    """The resource is in use."""


class ConditionalCheckFailedException(AwsError):
    """The conditional request failed"""


class LimitExceededException(AwsError):
    """Too many operations for a given subscriber."""


class ItemCollectionSizeLimitExceededException(AwsError):
    """Collection size exceeded."""


class TransactionCanceledException(AwsError):
    """Transaction cancelled, please refer cancellation reasons for specific reasons"""


class TransactionConflictException(AwsError):
    """Transaction is ongoing for the item"""


class IdempotentParameterMismatchException(AwsError):
    """The client tried to use the same token with different parameters."""


class ProvisionedThroughputExceededException(AwsError):
    """The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning
    level with the UpdateTable API."""


class ThrottlingException(AwsError):
    """The request was denied due to request throttling."""

    status = 400


class SerializationException(AwsError):
    """The request cannot be read."""

    status = 400


class DuplicateItemException(AwsError):
    """Duplicate primary key exists in table"""


# --- tables ---


class PolicyNotFoundException(AwsError):
    """Resource-based policy not found for the provided ResourceArn."""


class InternalServerError(AwsError):
    """Internal server error"""
