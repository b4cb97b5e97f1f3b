"""Finds out which operation a request is for, from whatever its client says about that.

In this order: target header, smithy-protocol header, `Action`, credential scope, host, path; S3 last, because
everything is a valid address there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wakeful import limits
from wakeful.wire import codec, sqs_query
from wakeful.wire.compression import unpacked
from wakeful.wire.credential import scope_of
from wakeful.wire.errors import (
    AwsError,
    InvalidAction,
    InvalidURI,
    MalformedInput,
    MethodNotAllowed,
    NotImplementedHere,
    UnknownOperationException,
)
from wakeful.wire.forms import Form, read_form, read_query
from wakeful.wire.message import HttpRequest
from wakeful.wire.model import SPOKEN, query_model, service_model
from wakeful.wire.routes import Routes
from wakeful.wire.target import Operation, Protocol, Target

_ACTION = re.compile(rb"(?:^|&)Action=")
_FORM = "application/x-www-form-urlencoded"
_QUEUE_PATH = re.compile(r"/\d{12}/[^/]+/?")
_S3_HOST = re.compile(r"(?:(.+)\.)?s3(?:\..+|-[a-z0-9-]+\.amazonaws\.com)")
_SMITHY_RPC_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")


class Catalogue:
    """The operations of some services. Models are loaded at once, everything else when first asked for.

    `domains` are the names under which the node is known, so that `bucket.localhost` is a bucket and not a host.
    """

    def __init__(self, services: Sequence[str], domains: Sequence[str] = ("localhost",)) -> None:
        models = {name: service_model(name) for name in services}
        self._domains = tuple("." + domain for domain in domains)
        self._operations: dict[tuple[str, Protocol, str], Operation] = {}
        self._targets: dict[str, Target] = {}
        self._routes: dict[str, Routes] = {}
        self._models = {(name, _protocol(model.metadata["protocol"])): model for name, model in models.items()}
        for name in services:
            also = sqs_query.model() if name == "sqs" else query_model(name)
            if also is not None:
                self._models[name, "query"] = also
        self._speaks = {name: _protocol(model.metadata["protocol"]) for name, model in models.items()}
        self._by_prefix = {
            str(model.metadata["targetPrefix"]): name
            for name, model in models.items()
            if "targetPrefix" in model.metadata
        }
        self._by_version = {
            str(model.api_version): name for (name, protocol), model in self._models.items() if protocol == "query"
        }
        self._by_signing_name = {model.signing_name: name for name, model in models.items()}
        self._by_host = {model.endpoint_prefix: name for name, model in models.items()}
        if "sqs" in models:
            self._by_host["queue"] = "sqs"

    def needs_body(self, http: HttpRequest) -> bool:
        """Whether the body must be complete before `identify`: only a form says in its body what it is for."""
        return (
            http.method == "POST"
            and http.headers.get("content-type", "").startswith(_FORM)
            and "x-amz-target" not in http.headers
            and self._may_query(http)
        )

    def identify(self, http: HttpRequest) -> Target:
        """What the request is for. Never raises: a target without an operation has the error to answer."""
        header = http.headers.get("x-amz-target")
        if header is not None:
            return self._targets.get(header) or self._by_target(header)
        if "smithy-protocol" in http.headers:
            return self._unspoken(http)
        scope = scope_of(http)
        service = self._by_signing_name.get(scope.service) if scope is not None else None
        form = self._form(http, service)
        if isinstance(form, Target):
            return form
        if form is not None:
            return self._by_action(http, form, service)
        if scope is not None and service is None:
            return self._unknown(scope.service, "rest-json", "", f"The service {scope.service} is not here.")
        return self._by_address(http, service or self._service_of_host(http))

    def operation(self, service: str, name: str, protocol: Protocol | None = None) -> Operation | None:
        """An operation of the model, in the service's own protocol unless another is asked for."""
        protocol = protocol or self._speaks[service]
        operation = self._operations.get((service, protocol, name))
        if operation is None:
            model = self._models.get((service, protocol))
            if model is None or name not in model.operation_names:
                return None
            operation = codec.operation(service, protocol, model.operation_model(name))
            self._operations[service, protocol, name] = operation
        return operation

    def path_style(self, http: HttpRequest) -> str:
        """The path of a request to S3 with the bucket in it, wherever the client put the bucket."""
        bucket = self._bucket_of_host(_host(http))
        return f"/{bucket}{http.path}" if bucket else http.path

    # --- by header ---

    def _by_target(self, header: str) -> Target:
        prefix, _, name = header.rpartition(".")
        service = self._by_prefix.get(prefix)
        operation = self.operation(service, name, "json") if service is not None else None
        if service is None or operation is None:
            return self._unknown(service or "", "json", name, f"{header} is no operation of a service here.")
        target = self._targets[header] = Target(service, "json", name, operation.model.service_model, operation)
        return target

    def _unspoken(self, http: HttpRequest) -> Target:
        found = _SMITHY_RPC_PATH.search(http.path)
        name = found[2] if found else ""
        protocol = http.headers["smithy-protocol"]
        return self._unknown(
            "", "json", name, f"{name} was asked for in {protocol}, a protocol that no service here speaks."
        )

    # --- by Action ---

    def _may_query(self, http: HttpRequest) -> bool:
        scope = scope_of(http)
        service = self._by_signing_name.get(scope.service) if scope is not None else None
        return service is None or (service, "query") in self._models

    def _form(self, http: HttpRequest, service: str | None) -> Form | Target | None:
        """The form or query string that has an Action in it; a target where it cannot be read; or nothing."""
        if service is not None and (service, "query") not in self._models:
            return None
        try:
            # Some clients call everything they send a form, such as the JSON for a function.
            is_form = http.method == "POST" and http.headers.get("content-type", "").startswith(_FORM)
            body = unpacked(http, limits.UNPACKED_FORM_BYTES_MAX) if is_form else b""
            if _ACTION.search(body):
                return read_form(body)
            if "Action=" in http.query:
                form = {name: values[0] for name, values in read_query(http.query).items()}
                if "Action" in form:
                    return form
        except (MalformedInput, UnicodeDecodeError) as error:
            message = str(error) if isinstance(error, MalformedInput) else ""
            wrong = MalformedInput(message or "The form is not percent-encoded UTF-8, or has too many fields.")
            return self._failed(service or "", "query", "", wrong)
        return None

    def _by_action(self, http: HttpRequest, form: Form, claimed: str | None) -> Target:
        service = (
            self._by_version.get(form.get("Version", ""))
            or claimed
            or self._service_of_host(http)
            or ("sqs" if _QUEUE_PATH.fullmatch(http.path) and ("sqs", "query") in self._models else None)
        )
        name = form["Action"]
        if service is None or (service, "query") not in self._models:
            return self._unknown("", "query", name, f"The action {name} is not valid for this endpoint.")
        operation = self.operation(service, name, "query")
        if operation is None:
            return self._unknown(service, "query", name, f"The action {name} is not valid for this endpoint.")
        return Target(service, "query", name, operation.model.service_model, operation, form=form)

    # --- by address ---

    def _by_address(self, http: HttpRequest, service: str | None) -> Target:
        try:
            if service is not None:
                return self._by_route(http, service)
            for name, protocol in self._speaks.items():
                if protocol == "rest-json":
                    target = self._by_route(http, name)
                    if target.operation is not None:
                        return target
            if _QUEUE_PATH.fullmatch(http.path) and "sqs" in self._speaks and http.method == "POST":
                return self._by_route(http, "sqs")
            if "s3" in self._speaks and not http.headers.get("content-type", "").startswith("application/x-amz-json"):
                return self._by_route(http, "s3")
        except (MalformedInput, UnicodeDecodeError):
            service = service or "s3"
            return self._failed(service, self._speaks.get(service, "rest-xml"), "", InvalidURI())
        return self._unknown("", "json", "", f"{http.method} {http.path} is no operation of a service here.")

    def _by_route(self, http: HttpRequest, service: str) -> Target:
        protocol = self._speaks[service]
        if protocol in ("json", "query"):
            return self._unknown(service, protocol, "", "The request names no operation.")
        routes = self._routes.get(service)
        if routes is None:
            model = self._models[service, protocol]
            routes = self._routes[service] = Routes(
                map(model.operation_model, model.operation_names), is_strict=service == "s3"
            )
        path = self.path_style(http) if service == "s3" else http.path
        query = read_query(http.query)
        found = routes.find(http.method, path, query, http.headers)
        if found is None:
            if service == "s3" and http.headers.get("content-type", "").startswith("multipart/form-data"):
                # What a browser sends ("POST Object") is in no model.
                post = NotImplementedHere("Wakeful does not have s3:PostObject, the upload by a form, yet.")
                return self._failed(service, protocol, "PostObject", post)
            message = f"{http.method} {http.path} is no operation of {service}."
            return self._unknown(service, protocol, "", message, http.method)
        operation = self.operation(service, found.operation, protocol)
        assert operation is not None
        model = operation.model.service_model
        return Target(service, protocol, found.operation, model, operation, labels=found.labels, query=query)

    def _bucket_of_host(self, host: str) -> str:
        """The bucket in a virtual-host address, where the host is one. Bucket names may have dots."""
        found = _S3_HOST.fullmatch(host)
        if found:
            return found[1] or ""
        for domain in self._domains:
            if host.endswith(domain):
                return host.removesuffix(domain) if host != f"s3{domain}" else ""
        return ""

    def _service_of_host(self, http: HttpRequest) -> str | None:
        host = _host(http)
        first, _, rest = host.partition(".")
        if rest and first in self._by_host:
            return self._by_host[first]
        if "s3" in self._speaks and self._bucket_of_host(host):
            return "s3"
        second = rest.partition(".")[0]
        return "sqs" if second == "queue" and "sqs" in self._speaks else None  # us-east-1.queue.amazonaws.com

    def _unknown(self, service: str, protocol: Protocol, name: str, message: str, method: str = "") -> Target:
        """As AWS answers, but naming what was asked for. Never a 5xx: clients would try that again and again."""
        error: AwsError
        if protocol == "query":
            error = InvalidAction(message)
        elif protocol == "rest-xml":
            error = MethodNotAllowed(Method=method or None)
        else:
            error = UnknownOperationException(message)
        return self._failed(service, protocol, name, error)

    def _failed(self, service: str, protocol: Protocol, name: str, error: AwsError) -> Target:
        return Target(service, protocol, name, self._models.get((service, protocol)), error=error)


def _host(http: HttpRequest) -> str:
    return http.headers.get("host", "").partition(":")[0].lower()


def _protocol(name: str) -> Protocol:
    if name in SPOKEN:
        return name  # type: ignore[return-value]
    raise NotImplementedError(f"the protocol {name}")
