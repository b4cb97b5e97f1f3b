"""What services call the same thing: names, statuses and prefixes of errors, by protocol and by service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wakeful.wire import sqs_query
from wakeful.wire.errors import AwsError
from wakeful.wire.target import Protocol

# Errors that every service has, each protocol with its own name and status for them ("Common Error Types").
_COMMON: Mapping[str, Mapping[Protocol, tuple[str, int]]] = MappingProxyType(
    {
        "AccessDenied": {
            "json": ("AccessDeniedException", 400),
            "rest-json": ("AccessDeniedException", 403),
        },
        "ExpiredToken": {
            "json": ("ExpiredTokenException", 400),
            "rest-json": ("ExpiredTokenException", 403),
            "rest-xml": ("ExpiredToken", 400),
        },
        "IncompleteSignature": {
            "json": ("IncompleteSignatureException", 400),
            "rest-json": ("IncompleteSignatureException", 403),
            "rest-xml": ("AuthorizationHeaderMalformed", 400),
        },
        "InternalFailure": {
            "rest-json": ("ServiceException", 500),
            "rest-xml": ("InternalError", 500),
        },
        "MissingAuthenticationToken": {
            "json": ("MissingAuthenticationTokenException", 400),
            "rest-json": ("MissingAuthenticationTokenException", 403),
            "rest-xml": ("AccessDenied", 403),
        },
        "SignatureDoesNotMatch": {
            "json": ("InvalidSignatureException", 400),
            "rest-json": ("InvalidSignatureException", 403),
        },
        "SignatureExpired": {
            "json": ("InvalidSignatureException", 400),
            "rest-json": ("InvalidSignatureException", 403),
            "query": ("SignatureDoesNotMatch", 403),
            "rest-xml": ("RequestTimeTooSkewed", 403),
        },
        "UnknownAccessKey": {
            "json": ("UnrecognizedClientException", 400),
            "rest-json": ("UnrecognizedClientException", 403),
            "query": ("InvalidClientTokenId", 403),
            "rest-xml": ("InvalidAccessKeyId", 403),
        },
        "UnknownOperationException": {
            "rest-json": ("UnknownOperationException", 404),
        },
    }
)

# Where one service differs from its protocol.
_OWN: Mapping[tuple[str, str], tuple[str, int]] = MappingProxyType(
    {
        ("sns", "AccessDenied"): ("AuthorizationError", 403),
    }
)

# SQS's codes for what its model has no shape for are those of its older protocol. In `__type` they have newer names.
_NEWER: Mapping[str, str] = MappingProxyType(
    {
        "AccessDenied": "AccessDeniedException",
        "InvalidParameterValue": "InvalidParameterValueException",
        "MissingParameter": "MissingRequiredParameterException",
    }
)

# Names that AWS's framework gives, not the service: in `__type` they have the framework's namespace.
FRAMEWORK = "com.amazon.coral.service#"
NAMESPACES: Mapping[str, str] = MappingProxyType({"sqs": "com.amazonaws.sqs#"})


@dataclass(frozen=True, slots=True)
class Name:
    """An error as one protocol has it. `older` is its code for clients of the protocol a service had before."""

    code: str
    status: int
    is_modelled: bool
    older: str | None


def name_of(error: AwsError, service: str, protocol: Protocol, trait: Mapping[str, object] | None) -> Name:
    """How this error is called and with which status it travels. `trait` is the model's word on it, if it has one."""
    shape = error.shape_name
    if trait is not None:
        code = error.code or str(trait.get("code", shape))
        status = error.status or int(str(trait.get("httpStatusCode", 400)))
    elif (service, shape) in _OWN:
        code, status = _OWN[service, shape]
    elif protocol in _COMMON.get(shape, {}):
        code, status = _COMMON[shape][protocol]
    else:
        code, status = error.code or shape, error.status or 400
    if service == "cloudwatch" and protocol == "json" and trait is not None:
        return Name(shape, status, is_modelled=True, older=code)
    if service != "sqs":
        return Name(code, status, trait is not None, None)
    code = _NEWER.get(code, code)
    older, older_status = sqs_query.ERRORS.get(shape, sqs_query.ERRORS.get(code, (code, status)))
    if protocol == "query":
        return Name(older, older_status, trait is not None, None)
    return Name(code, status, trait is not None, older)
