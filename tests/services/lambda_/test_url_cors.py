"""CORS of function URLs: what a browser is told before and after."""

from __future__ import annotations

from wakeful.services.lambda_.urls.cors import added, is_preflight, preflight

PAGE = "https://example.com"
ASKS = {"origin": PAGE, "access-control-request-method": "PUT", "access-control-request-headers": "x-a,x-b"}
ALLOWED = (("access-control-allow-origin", PAGE), ("vary", "Origin"))


def test_a_preflight_is_told_from_other_options_requests() -> None:
    assert is_preflight("OPTIONS", ASKS)
    assert not is_preflight("GET", ASKS)
    assert not is_preflight("OPTIONS", {"origin": PAGE})
    assert not is_preflight("OPTIONS", {"access-control-request-method": "GET"})


def test_a_page_is_told_all_that_is_configured() -> None:
    cors = {
        "AllowOrigins": ["https://other.example", PAGE],
        "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-a", "x-c"],
        "ExposeHeaders": ["x-told", "date"],
        "AllowCredentials": True,
        "MaxAge": 0,
    }
    credentials = ("access-control-allow-credentials", "true")
    assert preflight(cors, ASKS) == (
        *ALLOWED,
        credentials,
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-a,x-c"),
        ("access-control-max-age", "0"),
    )
    assert added(cors, ASKS) == (*ALLOWED, credentials, ("access-control-expose-headers", "x-told,date"))


def test_a_wildcard_allows_what_is_asked_for() -> None:
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    assert preflight(cors, ASKS) == (
        *ALLOWED,
        ("access-control-allow-methods", "PUT"),
        ("access-control-allow-headers", "x-a,x-b"),
    )
    without_headers = {**ASKS, "access-control-request-headers": ""}
    assert preflight(cors, without_headers) == (*ALLOWED, ("access-control-allow-methods", "PUT"))


def test_other_origins_and_clients_that_are_no_page_are_told_nothing() -> None:
    cors = {"AllowOrigins": ["https://other.example"], "AllowMethods": ["*"], "ExposeHeaders": ["x"]}
    assert preflight(cors, ASKS) == added(cors, ASKS) == ()
    assert added({"AllowOrigins": ["*"]}, {}) == ()
    assert added({"AllowMethods": ["*"]}, ASKS) == ()
    assert added(None, ASKS) == ()
