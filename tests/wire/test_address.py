"""`store.archive`: what may stand there, and a server behind TLS and a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from cta_core.errors import InvalidInput
from cta_server.store.clickhouse import open_clickhouse
from cta_server.store.clickhouse.address import SECONDS, Address, read_address
from cta_server.store.errors import StoreUnavailable
from helpers.clickhouse_front import ClickHouseFront, clickhouse_front
from helpers.stores import recorded


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, another one, and a certificate of the first for this machine."""
    folder = tmp_path_factory.mktemp("tls")
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    other.cert_pem.write_to_path(str(folder / "other.pem"))
    shown = authority.issue_cert("127.0.0.1", "localhost")
    shown.private_key_pem.write_to_path(str(folder / "key.pem"))
    shown.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    mine = authority.issue_cert("me@example.org")
    mine.private_key_pem.write_to_path(str(folder / "my-key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(folder / "mine.pem"))
    return folder


@pytest.fixture(scope="module")
def guarded(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseFront]:
    """A front that asks for a password, behind TLS."""
    folder = tmp_path_factory.mktemp("guarded") / "data"
    with clickhouse_front(folder, login="cta:s3cret", tls=(files / "cert.pem", files / "key.pem")) as front:
        yield front


def test_a_server_with_a_certificate_of_a_named_authority(guarded: ClickHouseFront, files: Path) -> None:
    """`ca_cert` names the authority; events go there and come back."""
    archive = open_clickhouse(guarded.url(ca_cert=str(files / "ca.pem")))
    archive.append_events("orders", [recorded("e1")])
    assert [event.event_id for event in archive.recent_events("orders")] == ["e1"]
    archive.close()


@pytest.mark.parametrize("authority", [None, "other.pem"])
def test_a_certificate_that_is_not_trusted_is_refused(
    guarded: ClickHouseFront, files: Path, authority: str | None
) -> None:
    """Neither the system nor another authority vouches for it; the two remedies are told."""
    more = {} if authority is None else {"ca_cert": str(files / authority)}
    with pytest.raises(
        StoreUnavailable, match=r"not trusted; name its authority with ca_cert=FILE, or .* verify=false"
    ):
        open_clickhouse(guarded.url(**more))


def test_any_certificate_may_be_trusted_by_order(guarded: ClickHouseFront) -> None:
    """`verify=false` takes the certificate as it is."""
    open_clickhouse(guarded.url(verify="false")).close()


def test_a_server_that_asks_for_a_certificate_is_shown_one(files: Path, tmp_path: Path) -> None:
    """With certificate and key the archive is opened; without them the server refuses the connection."""
    trusted = {"ca_cert": str(files / "ca.pem")}
    with clickhouse_front(tmp_path / "data", tls=(files / "cert.pem", files / "key.pem", files / "ca.pem")) as front:
        url = front.url(**trusted, client_cert=str(files / "mine.pem"), client_key=str(files / "my-key.pem"))
        archive = open_clickhouse(url)
        archive.append_events("orders", [recorded("e1")])
        assert len(archive.recent_events("orders")) == 1
        archive.close()
        with pytest.raises(StoreUnavailable, match="is it running, and reached from here"):
            open_clickhouse(front.url(**trusted))


def test_a_wrong_password_is_named_but_not_shown(guarded: ClickHouseFront, files: Path) -> None:
    """The remedy names the setting, and the password stays out of the text."""
    url = guarded.url(ca_cert=str(files / "ca.pem")).replace("s3cret", "guess-me")
    with pytest.raises(StoreUnavailable, match=r"the user or its password is refused; mend store\.archive") as told:
        open_clickhouse(url)
    assert "guess-me" not in str(told.value)


def test_a_server_without_tls_is_no_server_with_tls(front: ClickHouseFront) -> None:
    """TLS spoken to a plain port fails as a connection does."""
    with pytest.raises(StoreUnavailable, match="is it running, and reached from here"):
        open_clickhouse(f"{front.url()}?secure=true&timeout=5")


def test_an_address_is_read_whole(files: Path) -> None:
    """User, password, host, port, database and every key are taken as they are written."""
    key = files / "key.pem"
    assert read_address(
        f"clickhouse://me:p%40ss@db.example:9440/cta?secure=true&verify=false&client_cert={files / 'cert.pem'}"
        f"&client_key={key}&timeout=2.5"
    ) == Address(
        host="db.example", port=9440, user="me", password="p@ss", database="cta", secure=True, verify=False,  # noqa: S106
        client_cert=str(files / "cert.pem"), client_key=str(key), seconds=2.5,
    )  # fmt: skip
    assert read_address("clickhouse://db") == Address(host="db", port=8123, seconds=SECONDS)
    assert read_address("clickhouse://db?secure=true").port == 8443
    assert str(read_address("clickhouse://[::1]:9/x").name) == "[::1]:9/x"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("secure=maybe", "secure must be true or false"),
        ("verify=false", "verify needs secure=true"),
        ("ca_cert=x", "there is no file x"),
        ("secure=true&ca_cert=nowhere.pem", "ca_cert: there is no file nowhere.pem"),
        ("timeout=0", "timeout must be seconds, from 0.1 to 600"),
        ("timeout=soon", "timeout must be seconds"),
        ("compress=lz4", "compress is not known; known: ca_cert, client_cert, client_key, secure, timeout, verify"),
    ],
)
def test_a_key_that_cannot_be_is_named(query: str, told: str) -> None:
    """Every key that is unknown or has no possible value is named with what would be right."""
    with pytest.raises(InvalidInput, match=r"store\.archive: ") as refused:
        read_address(f"clickhouse://db?{query}")
    assert told in str(refused.value)


def test_a_certificate_needs_its_key(files: Path) -> None:
    """One file without the other is refused."""
    with pytest.raises(InvalidInput, match="client_cert and client_key belong together"):
        read_address(f"clickhouse://db?secure=true&client_cert={files / 'cert.pem'}")


@pytest.mark.parametrize("url", ["clickhouse://db:port", "clickhouse://db:0", "clickhouse://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """The shape of an address is told."""
    with pytest.raises(InvalidInput, match=r"clickhouse://\[USER:PASSWORD@\]HOST"):
        read_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://cta:hush/rest@db.example:8123/d",
        "clickhouse://cta:hush?rest@db.example:8123/d",
        "clickhouse://cta:12?hush@db.example:8123/d",
        "clickhouse://cta:12?hush=rest@db.example:8123/d",
        "clickhouse://cta:12/hush@db.example:8123/d",
        "clickhouse://cta:12#hush@db.example:8123/d",
    ],
)
def test_a_password_that_is_not_quoted_is_refused_and_not_shown(url: str) -> None:
    """A password with a sign that cuts the address in two is told how to be written, and no part of it is repeated."""
    with pytest.raises(InvalidInput, match=r"store\.archive: .* as %2F") as raised:
        read_address(url)
    assert "hush" not in str(raised.value)
