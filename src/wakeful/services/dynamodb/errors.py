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


class ExpiredIteratorException(AwsError):
    """The provided iterator exceeds the maximum age allowed."""

    status = 400


class TrimmedDataAccessException(AwsError):
    """The data you are trying to access has been trimmed."""

    status = 400


class DuplicateItemException(AwsError):
    """Duplicate primary key exists in table"""


# --- tables ---


class PolicyNotFoundException(AwsError):
    """Resource-based policy not found for the provided ResourceArn."""


class InternalServerError(AwsError):
    """Internal server error"""


# --- backups, points in time, exports and imports --------------------------------------------------------------------


class BackupNotFoundException(AwsError):
    """Backup not found for the given BackupARN."""


class BackupInUseException(AwsError):
    """There is another ongoing conflicting backup control plane operation on the table."""


class TableNotFoundException(AwsError):
    """A source table with the name does not currently exist within the subscriber's account."""


class TableAlreadyExistsException(AwsError):
    """A target table with the specified name already exists."""


class TableInUseException(AwsError):
    """A target table with the specified name is either being created or deleted."""


class PointInTimeRecoveryUnavailableException(AwsError):
    """Point in time recovery has not yet been enabled for this source table."""


class InvalidRestoreTimeException(AwsError):
    """An invalid restore time was specified. RestoreDateTime must be between EarliestRestorableDateTime and
    LatestRestorableDateTime."""


class InvalidExportTimeException(AwsError):
    """The specified ExportTime is outside of the point in time recovery window."""


class ExportConflictException(AwsError):
    """There was a conflict when writing to the specified S3 bucket."""


class ExportNotFoundException(AwsError):
    """The specified export was not found."""


class ImportConflictException(AwsError):
    """There was a conflict when importing from the specified S3 source."""


class ImportNotFoundException(AwsError):
    """The specified import was not found."""


class GlobalTableNotFoundException(AwsError):
    """The specified global table does not exist."""
