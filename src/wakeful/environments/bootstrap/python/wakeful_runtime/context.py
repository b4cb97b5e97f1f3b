"""The context object, as "Using the Lambda context object to retrieve Python function information" describes it."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .faults import Fault

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class CognitoIdentity:
    """Who called, for callers of the AWS mobile SDKs."""

    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, identity: dict[str, Any]) -> None:
        self.cognito_identity_id = identity.get("cognitoIdentityId")
        self.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")

    def __repr__(self) -> str:
        return _shown(self, self.__slots__)


class Client:
    """The calling application, as it describes itself."""

    __slots__ = ["app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id"]

    def __init__(self, client: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, client.get(name))

    def __repr__(self) -> str:
        return _shown(
            self, ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]
        )


class ClientContext:
    """What the caller sent in X-Amz-Client-Context."""

    __slots__ = ["client", "custom", "env"]

    def __init__(self, context: dict[str, Any]) -> None:
        self.custom = context.get("custom")
        self.env = context.get("env")
        client = context.get("client")
        self.client = None if client is None else Client(client)

    def __repr__(self) -> str:
        return _shown(self, ["custom", "env", "client"])


class Function:
    """What the context tells of the function itself: the same for every event."""

    def __init__(self) -> None:
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(self, function: Function, headers: dict[bytes, bytes]) -> None:
        self.aws_request_id = headers[b"Lambda-Runtime-Aws-Request-Id"].decode()
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.name
        self.memory_limit_in_mb = function.memory_mb
        self.function_version = function.version
        self.invoked_function_arn = headers[b"Lambda-Runtime-Invoked-Function-Arn"].decode()
        self.tenant_id = _text(headers.get(b"Lambda-Runtime-Aws-Tenant-Id"))
        self._epoch_deadline_time_in_ms = int(headers[b"Lambda-Runtime-Deadline-Ms"])
        self._w3c: dict[str, str] = {}
        self.client_context: ClientContext | None = None
        sent = headers.get(b"Lambda-Runtime-Client-Context")
        if sent:
            self.client_context = self._client_context(_parsed(sent, "Client Context"))
        identity = headers.get(b"Lambda-Runtime-Cognito-Identity")
        self.identity = CognitoIdentity(_parsed(identity, "Cognito Identity") if identity else {})

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The W3C trace context that came with the invocation."""
        return dict(self._w3c)

    def log(self, message: object) -> None:
        """Writes to the function's log, without a newline of its own."""
        from . import log

        log.write(str(message))

    def _client_context(self, context: Any) -> ClientContext | None:
        if not isinstance(context, dict):
            return None
        w3c = context.pop("w3c", None)
        if isinstance(w3c, dict):
            self._w3c = {name: w3c[name] for name in _W3C_FIELDS if isinstance(w3c.get(name), str)}
        return ClientContext(context)

    def __repr__(self) -> str:
        return _shown(
            self,
            [
                "aws_request_id",
                "log_group_name",
                "log_stream_name",
                "function_name",
                "memory_limit_in_mb",
                "function_version",
                "invoked_function_arn",
                "client_context",
                "identity",
                "tenant_id",
            ],
        )


def _shown(thing: object, names: list[str]) -> str:
    return f"{type(thing).__name__}([{','.join(f'{name}={getattr(thing, name)}' for name in names)}])"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _parsed(value: bytes, name: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from error
