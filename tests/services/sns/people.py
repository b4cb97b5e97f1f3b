"""The inbox of a node as tests read it: what people and devices got, and what they do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.running_node import REGION, RunningNode

_ACCOUNTS: Iterator[int] = count(100_000_000_000)


@dataclass(frozen=True)
class Inbox:
    """That of one account."""

    node: RunningNode
    account: str
    secret: str = "test"

    @property
    def endpoint(self) -> str:
        return self.node.endpoint

    def client(self, service: str = "sns") -> Any:
        return self.node.client(service, key=self.account)

    def messages(self, **wanted: str) -> list[dict[str, Any]]:
        """The newest first."""
        status, answer = self.read(f"inbox?{urlencode({'account': self.account, **wanted})}")
        assert status == 200, answer
        return list(answer["messages"])

    def read(self, path: str, **headers: str) -> tuple[int, Any]:
        return _fetch(urllib.request.Request(f"{self.endpoint}/_wakeful/{path}", headers=headers))

    def ask(self, method: str, path: str, document: Any = None) -> Any:
        """As `asked`, of what goes well."""
        status, answer = self.asked(method, path, document)
        assert status == 200, answer
        return answer

    def asked(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """What the node answers to a signed request below /_wakeful/sns/."""
        url = f"{self.endpoint}/_wakeful/sns/{path}"
        body = b"" if document is None else json.dumps(document).encode()
        signed = AWSRequest(method, url, data=body)
        SigV4Auth(Credentials(self.account, self.secret), "sns", REGION).add_auth(signed)
        return _fetch(urllib.request.Request(url, body or None, dict(signed.headers), method=method))


def new_inbox(node: RunningNode) -> Inbox:
    """Of an account that nobody else has: tests that share a node do not see one another."""
    return Inbox(node, str(next(_ACCOUNTS)))


def page_of(url: str, **headers: str) -> tuple[int, str]:
    """What a browser is shown."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _fetch(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else text
