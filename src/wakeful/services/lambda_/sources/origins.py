"""What a mapping draws from: a queue's source, or a stream that it follows."""

from __future__ import annotations

from dataclasses import dataclass

from wakeful.fabric.service import Node
from wakeful.fabric.source import Source
from wakeful.fabric.stream import Stream
from wakeful.services.lambda_.sources import rules
from wakeful.services.lambda_.sources.kinds import Kind
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.streams import checkpoints
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Origin:
    """One of both, with what mappings on it may say."""

    kind: Kind
    drawn: Source | Stream

    def complaint(self, tx: Tx, arn: str, timeout_s: int) -> str | None:
        """Why nothing comes out of it for a function with that timeout; None where it does."""
        if self.kind.is_stream:
            stream: Stream = self.drawn  # type: ignore[assignment] # as its kind says
            return stream.complaint(tx, arn)
        source: Source = self.drawn  # type: ignore[assignment]
        return source.complaint(tx, arn, timeout_s)

    def begin(self, tx: Tx, mapping: SourceMapping) -> None:
        """Where a stream is followed from is fixed, in the transaction that turns the mapping on."""
        if self.kind.is_stream:
            stream: Stream = self.drawn  # type: ignore[assignment]
            checkpoints.start(tx, stream, mapping.uuid, mapping.source, mapping.config)

    def taken(self, arn: str, name: str, uuid: str) -> str:
        """What is said where the two are mapped already."""
        if self.kind.is_stream:
            return (
                f'The event source arn (" {arn} ") and function (" {name} ") provided mapping already exists. Please'
                f" update or delete the existing mapping with UUID {uuid}"
            )
        return (
            f'An event source mapping with SQS arn (" {arn} ") and function (" {name} ") already exists. Please update'
            f" or delete the existing mapping with UUID {uuid}"
        )


def of(node: Node, arn: str) -> Origin:
    """Raises what Lambda answers where there is no such source on this node."""
    kind = rules.kind_of_source(arn)
    found = node.streams.get(kind.name) if kind.is_stream else node.sources.get(kind.name)
    if found is None:
        raise rules.not_drawn(kind.name)
    return Origin(kind, found)
