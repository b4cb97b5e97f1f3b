"""How the command line reaches a node: like anybody else, over HTTP, with AWS's own client.

Whatever goes wrong on the way ends the command with one sentence on standard error and the exit status 1.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.parse import urlsplit

import typer

from wakeful.config import DEFAULT_PORT

DEFAULT_ENDPOINT = f"http://127.0.0.1:{DEFAULT_PORT}"

_HOST = re.compile(r"[a-z0-9_.:-]*[a-z0-9:]")
_CONNECT_TIMEOUT_S = 10
_READ_TRIES = 4
_READ_TIMEOUT_S = 920  # a function may take fifteen minutes; who gives up earlier and tries again runs it twice


def give_up(words: str) -> NoReturn:
    """The command ends with these words."""
    typer.echo(words, err=True)
    raise typer.Exit(1)


def endpoint_of(given: str | None) -> str:
    """The endpoint: as given, as AWS's own variable says, or where a node listens by default."""
    endpoint = given or os.environ.get("AWS_ENDPOINT_URL") or DEFAULT_ENDPOINT
    if not _is_address(endpoint):
        give_up(f"{endpoint} is no address of a node. It looks like {DEFAULT_ENDPOINT}.")
    return endpoint.rstrip("/")


def aws(service: str, endpoint: str | None) -> Any:
    """A boto3 client of the node. Without credentials in the environment it uses the ones an open node takes.

    It never tries again: a function that is invoked once runs once.
    """
    return _clients((service,), endpoint, tries=1, connections=10)[service]


def readers(services: Iterable[str], endpoint: str | None, connections: int) -> dict[str, Any]:
    """Clients as `aws` gives them, for questions alone: on so many connections at a time, and again if need be."""
    return _clients(services, endpoint, tries=_READ_TRIES, connections=connections)


def _clients(services: Iterable[str], endpoint: str | None, tries: int, connections: int) -> dict[str, Any]:
    import boto3  # it takes a quarter of a second to load, and most commands do without
    from botocore.config import Config

    patience = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"total_max_attempts": tries},
        max_pool_connections=connections,
    )
    session = boto3.Session(region_name=_region(), **_open_node())
    at = endpoint_of(endpoint)
    return {name: session.client(name, endpoint_url=at, config=patience) for name in services}


@contextmanager
def in_words(endpoint: str | None) -> Iterator[None]:
    """What AWS's client raises inside ends the command: AWS's own words, or that nobody answers."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ConnectionError

    try:
        yield
    except (ConnectionError, ConnectionClosedError):
        nobody_at(endpoint_of(endpoint))
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code.isdigit():  # AWS's client made it up, from the status of an answer that is none of AWS's
            _no_node_at(endpoint_of(endpoint))
        give_up(f"{code}: {message}")
    except BotoCoreError as error:
        give_up(str(error))


def ask(path: str, endpoint: str | None) -> Any:
    """What the node itself answers to GET /_wakeful/{path}."""
    answer = find(path, endpoint)
    if answer is None:
        _no_node_at(endpoint_of(endpoint))
    return answer


def find(path: str, endpoint: str | None) -> Any:
    """As `ask`; None where the node does not know of such a thing."""
    at = endpoint_of(endpoint)
    url = f"{at}/_wakeful/{path}"
    try:
        status, body = _get(url, {})
        if status == 403:
            status, body = _get(url, signature(url))
        answer = json.loads(body)
    except ValueError:
        _no_node_at(at)
    if status not in (200, 404):
        give_up(f"{at} answered {status}: {answer.get('message', answer) if isinstance(answer, dict) else answer}")
    return answer if status == 200 else None


def tell(method: str, path: str, endpoint: str | None, document: Any = None) -> Any:
    """What the node itself answers to another method than GET; None where it does not know of such a thing."""
    at = endpoint_of(endpoint)
    url, body = f"{at}/_wakeful/{path}", b"" if document is None else json.dumps(document).encode()
    try:
        status, answer = _request(method, url, {}, body, 30)
        if status == 403:
            status, answer = _request(method, url, signature(url, method, body), body, 30)
        told = json.loads(answer)
    except ValueError:
        _no_node_at(at)
    if status not in (200, 404):
        give_up(str(told.get("message", told)) if isinstance(told, dict) else f"{at} answered {status}.")
    return told if status == 200 else None


def region() -> str:
    """The region that AWS's client would take, or the first of all."""
    return _region()


def lambda_(method: str, path: str, endpoint: str | None, body: bytes = b"") -> Any:
    """What the node's Lambda answers below /_wakeful/lambda/, asked with the credentials that AWS's client finds."""
    at = endpoint_of(endpoint)
    url = f"{at}/_wakeful/lambda/{path}"
    try:
        status, answer = _request(method, url, signature(url, method, body, "lambda"), body, _READ_TIMEOUT_S)
        document = json.loads(answer)
    except ValueError:
        _no_node_at(at)
    if status != 200:
        words = document.get("Message") or document.get("message") or document if isinstance(document, dict) else ""
        give_up(str(words) or f"{at} answered {status}.")
    return document


def _get(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    return _request("GET", url, headers, b"", 10)


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> tuple[int, bytes]:
    at = url.partition("/_wakeful/")[0]
    request = urllib.request.Request(url, body or None, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        nobody_at(at)
    except HTTPException:
        _no_node_at(at)


def signature(url: str, method: str = "GET", body: bytes = b"", service: str = "sts") -> dict[str, str]:
    """Headers that sign a request with the credentials that AWS's client finds.

    Without any, a request to Lambda gets the ones that an open node takes, any other none.
    """
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    with in_words(url):
        credentials = boto3.Session(**(_open_node() if service == "lambda" else {})).get_credentials()
        if credentials is None:
            return {}
        request = AWSRequest(method, url, data=body)
        SigV4Auth(credentials, service, _region()).add_auth(request)
        return dict(request.headers)


def _open_node() -> dict[str, str]:
    """The credentials that an open node takes, where the environment has none."""
    has_credentials = "AWS_ACCESS_KEY_ID" in os.environ or "AWS_PROFILE" in os.environ
    return {} if has_credentials else {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and parts.port != 0 and bool(_HOST.fullmatch(parts.hostname or ""))
    except ValueError:
        return False


def nobody_at(endpoint: str) -> NoReturn:
    """The command ends with what to do."""
    give_up(f"No node answers at {endpoint}. Start one with `wakeful start`.")


def _no_node_at(endpoint: str) -> NoReturn:
    give_up(f"What answers at {endpoint} is no Wakeful node.")
