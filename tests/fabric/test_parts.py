"""What a node keeps for its transactions."""

from __future__ import annotations

from tests.conftest import OpenStore
from wakeful.fabric.parts import Parts, kept
from wakeful.store.tx import Tx


class Book:
    """Something that a service compiles."""


class OtherBook:
    """Something that another service compiles."""


async def test_a_node_has_one_object_of_a_kind_for_all_its_transactions(open_store: OpenStore) -> None:
    def two(tx: Tx) -> tuple[Book, OtherBook]:
        return kept(tx, Book), kept(tx, OtherBook)

    async with open_store(parts=Parts(authorizer=None)) as store:  # type: ignore[arg-type]
        book, other = await store.write(two)
        assert isinstance(book, Book)
        assert isinstance(other, OtherBook)
        assert await store.read(two) == (book, other)


async def test_two_nodes_share_nothing(open_store: OpenStore) -> None:
    books = []
    for name in ("one", "two"):
        async with open_store(name, parts=Parts(authorizer=None)) as store:  # type: ignore[arg-type]
            books.append(await store.write(kept, Book))
    assert books[0] is not books[1]
