"""Names: how alike two paths are, and why alike names could still mean different things."""

from __future__ import annotations

import pytest

from cta_core.diagnosis.names import compare, words_of


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("/amount", "/amt"),
        ("/customer_id", "/customerId"),
        ("/customer_id", "/CUSTOMER-ID"),
        ("/quantity", "/qty"),
        ("/description", "/desc"),
        ("/total", "/gesamt"),
        ("/Größe", "/Groesse"),
        ("/billing_street", "/billing/street"),
        ("/billing/street", "/addresses/billing/street"),
        ("/latitude", "/lat"),
        ("/created_at", "/inserted_on"),
        ("/attributes/http.method", "/attributes/http.request.method"),
    ],
)
def test_names_of_one_thing_are_alike(target: str, source: str) -> None:
    """Abbreviations, cases, synonyms, languages and nesting leave a likeness of 0.6 at least and no doubt."""
    pair = compare(target, source)
    assert pair.score >= 0.6
    assert pair.doubts == ()


@pytest.mark.parametrize(
    ("target", "source", "doubt"),
    [
        ("/amount", "/previous_amount", "qualifier"),
        ("/price", "/list_price", "qualifier"),
        ("/temperature", "/avg_temperature", "qualifier"),
        ("/amount", "/net_amount", "qualifier"),
        ("/start_time", "/end_time", "opposite"),
        ("/origin", "/destination", "opposite"),
        ("/active", "/not_active", "negation"),
        ("/paid", "/unpaid", "negation"),
    ],
)
def test_names_that_mean_something_else_raise_a_doubt(target: str, source: str, doubt: str) -> None:
    """Qualifiers, opposites and negations are told, however alike the names are."""
    assert any(text.startswith(doubt) for text in compare(target, source).doubts)


def test_unrelated_names_are_not_alike() -> None:
    """Names without a common word score next to nothing."""
    assert compare("/amount", "/hostname").score < 0.2


def test_units_are_taken_off_the_name() -> None:
    """A unit word is no part of the likeness, and is told with its size."""
    pair = compare("/weight_kg", "/weight_g")
    assert pair.score == 1.0
    assert pair.source_unit == ("mass", 1e-3)
    assert pair.target_unit == ("mass", 1.0)


def test_words_of_a_key() -> None:
    """Camel case, snake case, digits and umlauts are words."""
    assert words_of("HTTPStatusCode2") == ["http", "status", "code", "2"]
    assert words_of("Straßen_Name") == ["strassen", "name"]


@pytest.mark.parametrize(
    ("target", "source"), [("/fee", "/net_fee"), ("/tax", "/taxNet"), ("/balance", "/gross_balance"), ("/net_x", "/x")]
)
def test_net_and_gross_are_other_quantities(target: str, source: str) -> None:
    """Of whatever it is said, net or gross on one side only is a reason to doubt."""
    assert compare(target, source).doubts


@pytest.mark.parametrize(("target", "source"), [("/host", "/net_host"), ("/peer_ip", "/net.peer_ip")])
def test_net_is_a_network_beside_words_of_networks(target: str, source: str) -> None:
    """Beside hosts and addresses `net` says where they are, not which part of them."""
    assert not compare(target, source).doubts
