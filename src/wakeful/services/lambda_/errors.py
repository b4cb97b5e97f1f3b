"""Lambda's errors. Those it answers with a `Type` say whose fault it was; it is the caller's unless told otherwise."""

from __future__ import annotations

from typing import Any

from wakeful.wire.errors import AwsError


class LambdaError(AwsError):
    """Something is wrong with this request to Lambda."""

    fault = "User"

    def __init__(self, message: str | None = None, **members: Any) -> None:
        super().__init__(message, **{"Type": self.fault, **members})


class ResourceNotFoundException(LambdaError):
    """The resource specified in the request does not exist."""


class ResourceConflictException(LambdaError):
    """The resource already exists, or another operation is in progress."""


class ValidationException(LambdaError):
    """The input fails to satisfy the constraints of the service."""

    code = "ValidationException"
    status = 400


class AccessDeniedException(LambdaError):
    """The caller may not do this."""

    code = "AccessDeniedException"
    status = 403


class InvalidParameterValueException(LambdaError):
    """One of the parameters in the request is not valid."""


class PreconditionFailedException(LambdaError):
    """The RevisionId provided does not match the latest RevisionId. Call the GetFunction or the GetAlias API
    operation to retrieve the latest RevisionId for your resource."""


class InvalidRequestContentException(LambdaError):
    """The request body could not be parsed as JSON, or a request header is not valid."""


class RequestTooLargeException(LambdaError):
    """The request payload exceeded the Invoke request body JSON input quota."""


class RequestEntityTooLargeException(LambdaError):
    """The package is larger than may be uploaded in a request."""

    code = "RequestEntityTooLargeException"
    status = 413


class TooManyRequestsException(LambdaError):
    """Rate Exceeded."""


class ResourceInUseException(LambdaError):
    """The operation conflicts with the resource's availability."""


class ProvisionedConcurrencyConfigNotFoundException(LambdaError):
    """No Provisioned Concurrency Config found for this function"""


class SnapStartException(LambdaError):
    """The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."""


class SnapStartTimeoutException(LambdaError):
    """Lambda couldn't restore the snapshot within the timeout limit."""


class PolicyLengthExceededException(LambdaError):
    """The permissions policy for the resource is too large."""


class AliasLimitExceededException(LambdaError):
    """The alias limit of the function is reached."""


class ServiceException(LambdaError):
    """The Lambda service encountered an internal error."""

    fault = "Service"


class InvalidRuntimeException(LambdaError):
    """The runtime or runtime version specified is not supported."""

    fault = "Service"


class NoPublishedVersionException(LambdaError):
    """The function can't be invoked because no published version exists. For functions with capacity provider
    configuration, either publish a version to $LATEST.PUBLISHED, or specify a published version qualifier."""


class CapacityProviderLimitExceededException(LambdaError):
    """The maximum number of capacity providers for your account has been exceeded."""


class FunctionVersionsPerCapacityProviderLimitExceededException(LambdaError):
    """The maximum number of function versions that can be associated with a single capacity provider has been
    exceeded."""


class CodeStorageExceededException(LambdaError):
    """You have exceeded your maximum total code size per account. For more information, see Lambda quotas."""
