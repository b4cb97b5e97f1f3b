"""Session tokens: what was put in comes out, and nothing else opens."""

from __future__ import annotations

import base64
import zlib

from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.service import Principal, Session
from wakeful.services.iam.sessions import SealedSessions

KEY = bytes(range(32))
ACCOUNT = "123456789012"

TEXTS = st.text(max_size=20)
SESSIONS = st.builds(
    Session,
    issued=st.floats(0, 1e10),
    policies=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    tags=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    transitive=st.lists(TEXTS, max_size=3).map(tuple),
    source_identity=st.none() | TEXTS,
)
PRINCIPALS = st.builds(
    Principal,
    kind=st.sampled_from(["root", "user", "role"]),
    arn=TEXTS,
    account=st.just(ACCOUNT),
    id=TEXTS,
    role_arn=st.none() | TEXTS,
    session=SESSIONS,
)


@given(PRINCIPALS, st.floats(0, 1e10))
def test_a_session_opens_on_every_node_that_has_the_key(principal: Principal, expires: float) -> None:
    issued = SealedSessions(KEY).issue(principal, expires)
    assert issued.token is not None
    other_node = SealedSessions(KEY)
    assert other_node.open(issued.token) == issued
    assert other_node.open(issued.token) == issued, "and once more, from memory"
    assert SealedSessions(bytes(32)).open(issued.token) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_that_was_touched_does_not_open(place: int, change: int) -> None:
    issued = SealedSessions(KEY).issue(Principal("user", "arn", ACCOUNT, "id", session=Session(1.0)), 2.0)
    assert issued.token is not None
    sealed = bytearray(base64.urlsafe_b64decode(issued.token[4:]))
    sealed[place % len(sealed)] ^= change
    touched = issued.token[:4] + base64.urlsafe_b64encode(sealed).decode()
    opened = SealedSessions(KEY).open(touched)
    assert opened is None or (opened.secret_key, opened.principal) == (issued.secret_key, issued.principal)


@given(st.text(max_size=60))
def test_nonsense_does_not_open(text: str) -> None:
    sessions = SealedSessions(KEY)
    assert sessions.open(text) is None
    assert sessions.open(f"WKS1{text}") is None


def test_a_token_that_would_unfold_without_end_does_not_open() -> None:
    bomb = base64.urlsafe_b64encode(bytes(16) + zlib.compress(bytes(10_000_000), 9)).decode()
    assert SealedSessions(KEY).open(f"WKS1{bomb}") is None


def test_the_secret_cannot_be_had_from_the_token() -> None:
    principal = Principal("user", "arn", ACCOUNT, "id", session=Session(1.0))
    one, other = (SealedSessions(KEY).issue(principal, 2.0) for _ in range(2))
    assert one.secret_key != other.secret_key
    assert len(one.secret_key) == 40
    assert one.token is not None
    assert one.secret_key not in one.token
