"""Errors the caller should know of. A class has the name of the model's shape; its docstring is AWS's message."""

from __future__ import annotations

from typing import Any, ClassVar


class AwsError(Exception):
    """An error that the API documents. Subclasses are named after the model's error shape.

    `code` and `status` are needed only where the model has no such shape or says nothing; otherwise the codec takes
    them from the model. `members` are the further members of the error's shape, such as Lambda's `Type`.
    """

    code: ClassVar[str | None] = None
    status: ClassVar[int | None] = None

    def __init__(self, message: str | None = None, **members: Any) -> None:
        self.message = message if message is not None else " ".join((type(self).__doc__ or "").split())
        self.members = members
        self.headers: dict[str, str] = {}
        """Headers of the answer that say more, in lower case: a 304 still names the entity's tag."""
        super().__init__(self.message)

    @property
    def shape_name(self) -> str:
        return type(self).__name__


class NotImplementedHere(AwsError):
    """Wakeful does not have this yet."""

    # 4xx on purpose: clients retry a 5xx many times before they show the message.
    code = "NotImplemented"
    status = 400


# --- the wire's own: a request that cannot be read ---


class SerializationException(AwsError):
    """The request body is not valid JSON."""

    status = 400


class MalformedInput(AwsError):
    """The request could not be parsed."""

    status = 400


class MalformedXML(AwsError):
    """The XML you provided was not well-formed or did not validate against our published schema"""

    status = 400


class InvalidURI(AwsError):
    """Couldn't parse the specified URI."""

    status = 400


class InvalidArgument(AwsError):
    """Invalid Argument"""

    status = 400


class MissingRequestBodyError(AwsError):
    """Request Body is empty"""

    status = 400


# --- the wire's own: values that the model forbids, as each service calls that ---


class ValidationException(AwsError):
    """The input fails to satisfy the constraints of the service."""

    status = 400


class ValidationError(AwsError):
    """The input fails to satisfy the constraints of the service."""

    status = 400


class InvalidParameterException(AwsError):
    """A parameter is specified incorrectly."""

    status = 400


class MissingRequiredParameterException(AwsError):
    """The request must contain a parameter that is missing."""

    status = 400


# --- the wire's own: a request for nothing that there is ---


class UnknownOperationException(AwsError):
    """The requested operation is not known."""

    status = 400


class InvalidAction(AwsError):
    """The action or operation requested is invalid. Verify that the action is typed correctly."""

    status = 400


class MethodNotAllowed(AwsError):
    """The specified method is not allowed against this resource."""

    status = 405


# --- common to all services, each with its own name for it (see `dialects`) ---


class AccessDenied(AwsError):
    """Access Denied"""

    status = 403


class MissingAuthenticationToken(AwsError):
    """Missing Authentication Token"""

    status = 403


class IncompleteSignature(AwsError):
    """The request signature does not conform to AWS standards."""

    status = 400


class SignatureDoesNotMatch(AwsError):
    """The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key
    and signing method. Consult the service documentation for details.
    """

    status = 403


class SignatureExpired(AwsError):
    """Signature expired."""

    status = 403


class AuthorizationQueryParametersError(AwsError):
    """Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature,
    X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.
    """

    status = 400


class RequestTimeTooSkewed(AwsError):
    """The difference between the request time and the current time is too large."""

    status = 403


class XAmzContentSHA256Mismatch(AwsError):
    """The provided 'x-amz-content-sha256' header does not match what was computed."""

    status = 400


class InvalidRequest(AwsError):
    """Invalid Request"""

    status = 400


class BadDigest(AwsError):
    """The Content-MD5 or checksum value that you specified did not match what the server received."""

    status = 400


class InvalidDigest(AwsError):
    """The Content-MD5 you specified was invalid."""

    status = 400


class MalformedTrailerError(AwsError):
    """The request contained trailing data that was not well-formed or did not conform to our published schema."""

    status = 400


class IncompleteBody(AwsError):
    """The request body terminated unexpectedly"""

    status = 400


class UnknownAccessKey(AwsError):
    """The security token included in the request is invalid."""

    status = 403


class ExpiredToken(AwsError):
    """The security token included in the request is expired"""

    status = 403


class InternalFailure(AwsError):
    """We encountered an internal error. Please try again."""

    status = 500
