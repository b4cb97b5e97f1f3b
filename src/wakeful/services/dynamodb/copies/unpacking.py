"""What lies in a bucket to be imported: unpacked piece by piece, and cut into records ("DynamoDB import formats")."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from wakeful import limits
from wakeful.services.dynamodb.copies import ion_reader
from wakeful.services.dynamodb.copies.ion_reader import Gatherer, NotIon
from wakeful.services.dynamodb.keys import Attribute
from wakeful.wire.errors import NotImplementedHere

_GZIP = zlib.MAX_WBITS + 16


class Malformed(Exception):
    """What is there is not what it was said to be."""


class Unpacker(Protocol):
    def unpack(self, piece: bytes) -> Iterator[bytes]:
        """What the next piece is when unpacked, in pieces of bounded size. Raises Malformed."""

    def finish(self) -> None:
        """There is no more. Raises Malformed where there should be."""


class Plain:
    def unpack(self, piece: bytes) -> Iterator[bytes]:
        yield piece

    def finish(self) -> None:
        pass


class Gzip:
    """Several compressed members after one another are one content ("GZIP file format specification", 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            self._begun = True
            try:
                yield self._member.decompress(piece, limits.DYNAMODB_IMPORT_PIECE_BYTES)
            except zlib.error as error:
                raise Malformed("The object is not compressed with gzip.") from error
            if self._member.eof:
                piece = self._member.unused_data
                self._member, self._begun = zlib.decompressobj(_GZIP), False
            else:
                piece = self._member.unconsumed_tail

    def finish(self) -> None:
        if self._begun:
            raise Malformed("The compressed object ends too early.")


class Zstd:
    """Fed in small pieces: a few bytes may stand for very many."""

    def __init__(self) -> None:
        self._library: Any = importlib.import_module("zstandard")
        self._frame: Any = None

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        for at in range(0, len(piece), limits.DYNAMODB_IMPORT_ZSTD_BYTES):
            small = piece[at : at + limits.DYNAMODB_IMPORT_ZSTD_BYTES]
            while small:
                if self._frame is None:
                    self._frame = self._library.ZstdDecompressor().decompressobj()
                try:
                    yield self._frame.decompress(small)
                except self._library.ZstdError as error:
                    raise Malformed("The object is not compressed with zstd.") from error
                small = b""
                if self._frame.eof:
                    small, self._frame = self._frame.unused_data, None

    def finish(self) -> None:
        if self._frame is not None:
            raise Malformed("The compressed object ends too early.")


def unpacker(compression: str) -> Unpacker:
    """For InputCompressionType."""
    if compression == "GZIP":
        return Gzip()
    return Zstd() if compression == "ZSTD" else Plain()


def check_compression(compression: str) -> None:
    """Raises NotImplementedHere where the library for it is not installed."""
    if compression == "ZSTD" and importlib.util.find_spec("zstandard") is None:
        raise NotImplementedHere("InputCompressionType ZSTD needs the package zstandard, which is not installed.")


class Lines:
    """Cuts what comes in pieces into lines."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def cut(self, piece: bytes) -> list[bytes]:
        """The lines that end in this piece. Raises Malformed for one that is longer than any item's."""
        *ended, rest = piece.split(b"\n")
        if ended:
            ended[0] = b"".join((*self._rest, ended[0]))
            self._rest, self._size = [], 0
        self._rest.append(rest)
        self._size += len(rest)
        if self._size > limits.DYNAMODB_IMPORT_LINE_BYTES_MAX:
            raise Malformed("A line is longer than an item can be.")
        return ended

    def last(self) -> list[bytes]:
        """What came after the last line's end."""
        left = b"".join(self._rest)
        self._rest, self._size = [], 0
        return [left] if left else []


class Reader(Protocol):
    def read(self, lines: Iterable[bytes], *, is_last: bool) -> Iterator[Any]:
        """The items of these lines as they would be sent, not checked yet; a Malformed in the place of one that cannot
        be read.
        """


class JsonReader:
    """One item in a line, below "Item"."""

    def read(self, lines: Iterable[bytes], *, is_last: bool) -> Iterator[Any]:
        for line in lines:
            if line.strip():
                yield _of_json(line)


def _of_json(line: bytes) -> Any:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Malformed(f"Unable to parse the line as DynamoDB JSON: {error}")
    if not isinstance(found, dict) or not isinstance(found.get("Item"), dict):
        return Malformed("The line has no Item.")
    return found["Item"]


class IonReader:
    """Structs with an Item; one may go over several lines."""

    def __init__(self) -> None:
        self._gatherer = Gatherer()

    def read(self, lines: Iterable[bytes], *, is_last: bool) -> Iterator[Any]:
        try:
            for text in self._gatherer.texts(lines, is_last=is_last):
                yield from _of_ion(text)
        except NotIon as error:
            raise Malformed(str(error)) from error


def _of_ion(text: str) -> Iterator[Any]:
    try:
        for value in ion_reader.values(text):
            item = value.get("M", {}).get("Item", {})
            yield item["M"] if "M" in item else Malformed("The value has no Item.")
    except (NotIon, RecursionError) as error:
        yield Malformed(str(error))


class CsvReader:
    """Rows below a header, or below the header that was given. Every value is a string, but those of keys, which have
    their own types. A row goes on in the next line where a quoted value does.
    """

    def __init__(self, options: Mapping[str, Any], types: Mapping[str, str]) -> None:
        self._delimiter: str = options.get("Delimiter", ",")
        self._header: Sequence[str] | None = options.get("HeaderList")
        self._types = types
        self._open: list[bytes] = []
        self._size = self._quotes = 0

    def read(self, lines: Iterable[bytes], *, is_last: bool) -> Iterator[Any]:
        for line in lines:
            self._open.append(line)
            self._size += len(line)
            self._quotes += line.count(b'"')
            if self._quotes % 2 == 0:
                yield from self._row()
            elif self._size > limits.DYNAMODB_IMPORT_LINE_BYTES_MAX:
                raise Malformed("A row is longer than an item can be.")
        if is_last and self._open:
            yield from self._row()

    def _row(self) -> Iterator[Any]:
        text, self._open = b"\n".join(self._open), []
        self._size = self._quotes = 0
        try:
            rows = list(csv.reader(text.decode().rstrip("\r").splitlines(keepends=True), delimiter=self._delimiter))
        except (UnicodeDecodeError, csv.Error) as error:
            yield Malformed(f"Unable to parse the row: {error}")
            return
        for row in rows:
            if not row:
                continue
            if self._header is None:
                self._header = row
            elif len(row) != len(self._header):
                yield Malformed(f"The row has {len(row)} values, and the header {len(self._header)}.")
            else:
                yield {name: {self._types.get(name, "S"): value} for name, value in zip(self._header, row, strict=True)}


def reader(request: Mapping[str, Any], attributes: Iterable[Attribute]) -> Reader:
    """For InputFormat, of a new object. `attributes` are those of keys."""
    if request["InputFormat"] == "CSV":
        options = request.get("InputFormatOptions", {}).get("Csv", {})
        return CsvReader(options, {each.name: each.type for each in attributes})
    return IonReader() if request["InputFormat"] == "ION" else JsonReader()
