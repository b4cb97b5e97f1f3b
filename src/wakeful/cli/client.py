"""How the command line reaches a node: like anybody else, over HTTP, with AWS's own client."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

import typer

from wakeful.config import DEFAULT_PORT

DEFAULT_ENDPOINT = f"http://127.0.0.1:{DEFAULT_PORT}"


def endpoint_of(given: str | None) -> str:
    """The endpoint: as given, as AWS's own variable says, or where a node listens by default."""
    return (given or os.environ.get("AWS_ENDPOINT_URL") or DEFAULT_ENDPOINT).rstrip("/")


def aws(service: str, endpoint: str | None) -> Any:
    """A boto3 client of the node. Without credentials in the environment it uses the ones an open node takes."""
    import boto3  # it takes a quarter of a second to load, and most commands do without

    has_credentials = "AWS_ACCESS_KEY_ID" in os.environ or "AWS_PROFILE" in os.environ
    open_node = {} if has_credentials else {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return boto3.client(service, endpoint_url=endpoint_of(endpoint), region_name=region, **open_node)


def ask(path: str, endpoint: str | None) -> Any:
    """What the node itself answers to GET /_wakeful/{path}. Ends the command where there is no node."""
    url = f"{endpoint_of(endpoint)}/_wakeful/{path}"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        typer.echo(f"{url} answered {error.code}: {error.read().decode(errors='replace')}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"There is no node at {endpoint_of(endpoint)}. Start one with `wakeful start`.", err=True)
        raise typer.Exit(1) from error
