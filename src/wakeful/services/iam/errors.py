"""IAM's and STS's errors. A class has the name of the model's shape; code and status are the model's."""

from __future__ import annotations

from wakeful.wire.errors import AwsError


class NoSuchEntityException(AwsError):
    """The request was rejected because it referenced a resource entity that does not exist."""

    code = "NoSuchEntity"  # STS's model does not have it


class EntityAlreadyExistsException(AwsError):
    """The request was rejected because it attempted to create a resource that already exists."""


class DeleteConflictException(AwsError):
    """The request was rejected because it attempted to delete a resource that has attached subordinate entities."""


class LimitExceededException(AwsError):
    """The request was rejected because it attempted to create resources beyond the current account limits."""


class MalformedPolicyDocumentException(AwsError):
    """The request was rejected because the policy document was malformed."""


class InvalidInputException(AwsError):
    """The request was rejected because an invalid or out-of-range value was supplied for an input parameter."""


class ValidationError(AwsError):
    """The input fails to satisfy the constraints specified by an AWS service."""

    status = 400


class PackedPolicyTooLargeException(AwsError):
    """The total packed size of the session policies and session tags combined was too large."""


class InvalidParameterValue(AwsError):
    """An invalid or out-of-range value was supplied for the input parameter."""

    status = 400
