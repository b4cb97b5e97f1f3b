"""SNS's errors. A class has the name of the model's shape; its code, such as `InvalidParameter`, is the model's too."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class InvalidParameterException(AwsError):
    """Invalid parameter"""


class InvalidParameterValueException(AwsError):
    """A message attribute is not as it has to be."""


class AuthorizationErrorException(AwsError):
    """Access Denied"""


class NotFoundException(AwsError):
    """Topic does not exist"""


class ResourceNotFoundException(AwsError):
    """Resource does not exist"""


class InvalidStateException(AwsError):
    """Invalid state"""


class FilterPolicyLimitExceededException(AwsError):
    """The number of filter policies has reached its limit."""


class TagLimitExceededException(AwsError):
    """Could not complete request: tag quota of per resource exceeded"""


class SubscriptionLimitExceededException(AwsError):
    """The topic takes messages of more than 256 KiB and cannot have more subscriptions."""


class EmptyBatchRequestException(AwsError):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequestException(AwsError):
    """The batch request contains more entries than permissible."""


class BatchEntryIdsNotDistinctException(AwsError):
    """Two or more batch entries in the request have the same Id."""


class InvalidBatchEntryIdException(AwsError):
    """The Id of a batch entry in a batch request doesn't abide by the specification."""


class BatchRequestTooLongException(AwsError):
    """The length of all the messages put together is more than the limit."""


# --- people and devices ----------------------------------------------------------------------------------------------


class OptedOutException(AwsError):
    """The phone number opted out of receiving SMS messages from this account."""


class UserErrorException(AwsError):
    """A request parameter does not comply with the associated constraints."""


class ThrottledException(AwsError):
    """The rate at which requests have been submitted for this action exceeds the limit for your account."""


class VerificationException(AwsError):
    """The one-time password (OTP) used for verification is invalid."""

    status = 400


class EndpointDisabledException(AwsError):
    """Endpoint is disabled"""


class PlatformApplicationDisabledException(AwsError):
    """Platform application is disabled"""
