"""What of an expression is read once for all who ask for the same, and what is not kept at all."""

from __future__ import annotations

from wakeful.services.dynamodb.expressions.kept import Names, kept


def test_a_text_is_read_once_for_the_same_names_but_large_names_are_not_kept() -> None:
    read: list[str] = []

    @kept
    def compiled(text: str, called: str, names: Names) -> str:
        read.append(text)
        return f"{called}: {text}"

    for _ in range(2):
        assert compiled("#a", "C", (("#a", "b"),)) == "C: #a"
    assert read == ["#a"]
    for _ in range(2):
        assert compiled("#b", "C", (("#b", "b" * 5_000),)) == "C: #b"
    assert read == ["#a", "#b", "#b"]
