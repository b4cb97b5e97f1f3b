"""The AWS SDK for JavaScript v3 in the Node.js runtimes: what Lambda has in /var/runtime/node_modules.

Lambda has the clients of all services; we get those of the services that Wakeful speaks, of DynamoDB, and what is
used with them. Others can be asked for by name. Node.js 18 has the last that supports it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeful.environments.languages import programs
from wakeful.environments.languages.interpreters import Interpreter
from wakeful.environments.languages.language import CannotAdd

_SCOPE = "@aws-sdk/"
_DEFAULT = (
    *("client-lambda", "client-s3", "client-sqs", "client-sns", "client-eventbridge", "client-cloudwatch-logs"),
    *("client-iam", "client-sts", "client-dynamodb", "lib-dynamodb", "util-dynamodb"),
    *("lib-storage", "s3-request-presigner", "credential-providers"),
)


@dataclass(frozen=True, slots=True)
class Edition:
    """One state of the SDK, for the versions of Node.js from `since` on. `others` are what has a number of its own."""

    since: int
    number: str
    others: Mapping[str, str]

    def wanted(self, packages: Sequence[str]) -> list[str]:
        """As npm is asked for them, with their versions."""
        versions = {_SCOPE + name: self.number for name in _DEFAULT} | dict(self.others)
        for name in packages:
            if "@" not in name[1:]:  # else it says which version
                versions.setdefault(name, f"<={self.number}" if name.startswith(_SCOPE) else "latest")
        asked = [name for name in packages if "@" in name[1:]]
        return [f"{name}@{version}" for name, version in versions.items()] + asked


EDITIONS = (
    Edition(
        20,
        "3.1169.0",
        {
            "@aws-sdk/client-lambda": "3.1162.0",
            "@aws-sdk/client-dynamodb": "3.1162.0",
            "@aws-sdk/lib-dynamodb": "3.1162.0",
            "@aws-sdk/s3-request-presigner": "3.1162.0",
            "@aws-sdk/util-dynamodb": "3.996.9",
            "@smithy/node-http-handler": "4.14.2",
            "@smithy/protocol-http": "5.6.2",
            "@smithy/signature-v4": "5.7.5",
        },
    ),
    Edition(18, "3.962.0", {}),
)


def edition_of(interpreter: Interpreter) -> Edition:
    return next((each for each in EDITIONS if interpreter.version[0] >= each.since), EDITIONS[-1])


def folder_of(interpreter: Interpreter, added: Path) -> Path:
    return added / f"sdk-{edition_of(interpreter).since}"


def modules(interpreter: Interpreter, added: Path) -> Path | None:
    """What belongs at /var/runtime/node_modules; None where the SDK was not added."""
    folder = folder_of(interpreter, added) / "node_modules"
    return folder if folder.is_dir() else None


def number_of(folder: Path) -> str:
    """Which SDK it is, as the client of S3 says."""
    try:
        return str(json.loads((folder / "@aws-sdk/client-s3/package.json").read_text())["version"])
    except (OSError, ValueError, KeyError):
        return "of an unknown version"


async def add(interpreter: Interpreter, added: Path, packages: Sequence[str], report: programs.Report) -> None:
    """The SDK is there, with these packages and those that were asked for before. Raises CannotAdd."""
    final = folder_of(interpreter, added)
    edition = edition_of(interpreter)
    before = _before(final)
    named = list(dict.fromkeys([*before, *packages]))
    wanted = edition.wanted(named)
    if modules(interpreter, added) is not None and named == before:
        report(f"The AWS SDK for JavaScript {number_of(final / 'node_modules')} is there already.")
        return
    npm = _npm(interpreter)
    report(f"Getting the AWS SDK for JavaScript {edition.number} ({len(wanted)} packages) with npm …")
    with programs.being_made(final) as folder:
        (folder / "package.json").write_text(json.dumps({"private": True}))
        quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
        await programs.run(
            [*npm, "install", "--prefix", folder, "--ignore-scripts", "--omit=dev", "--save-exact", *quiet, *wanted],
            "npm install",
        )
        (folder / "wanted.json").write_text(json.dumps(named))


def _before(final: Path) -> list[str]:
    """What was asked for by name so far."""
    try:
        return list(json.loads((final / "wanted.json").read_text()))
    except (OSError, ValueError):
        return []


def _npm(interpreter: Interpreter) -> list[str | Path]:
    """The interpreter's own, else the one on the path."""
    own = interpreter.prefix / "lib/node_modules/npm/bin/npm-cli.js"
    if own.is_file():
        return [interpreter.path, own]
    npm = shutil.which("npm")
    if npm is None:
        raise CannotAdd(
            "The AWS SDK for JavaScript needs npm, which is not there. Install it, for instance: apt install npm;"
            " or leave the SDK out: --sdk none"
        )
    return [npm]
