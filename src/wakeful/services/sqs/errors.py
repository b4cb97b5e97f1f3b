"""SQS's errors. A class has the name of the model's shape, or the code AWS answers where the model has no shape."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class QueueDoesNotExist(AwsError):
    """The specified queue does not exist."""


class QueueNameExists(AwsError):
    """A queue already exists with the same name and a different value for an attribute."""


class QueueDeletedRecently(AwsError):
    """You must wait 60 seconds after deleting a queue before you can create another with the same name."""


class OverLimit(AwsError):
    """The specified action violates a limit."""


class InvalidAttributeName(AwsError):
    """The specified attribute doesn't exist."""


class InvalidAttributeValue(AwsError):
    """A queue attribute value is invalid."""


class InvalidParameterValue(AwsError):
    """A parameter has a value that is not allowed."""

    code = "InvalidParameterValue"
    status = 400


class MissingParameter(AwsError):
    """The request must contain a parameter that it does not have."""

    code = "MissingParameter"
    status = 400


class InvalidAddress(AwsError):
    """The specified ID is invalid."""


class InvalidMessageContents(AwsError):
    """Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD |
    #x10000 to #x10FFFF"""


class ReceiptHandleIsInvalid(AwsError):
    """The specified receipt handle isn't valid."""


class EmptyBatchRequest(AwsError):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequest(AwsError):
    """The batch request contains more entries than permissible."""


class BatchEntryIdsNotDistinct(AwsError):
    """Two or more batch entries in the request have the same Id."""


class InvalidBatchEntryId(AwsError):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores.
    It can be at most 80 letters long."""


class BatchRequestTooLong(AwsError):
    """The length of all the messages put together is more than the limit."""


class PurgeQueueInProgress(AwsError):
    """Only one PurgeQueue operation on a queue is allowed every 60 seconds."""


class UnsupportedOperation(AwsError):
    """This operation is not supported for this queue or this message."""


class ResourceNotFoundException(AwsError):
    """One or more specified resources don't exist."""
