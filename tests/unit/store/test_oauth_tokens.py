"""What providers granted is kept encrypted, and each grant has one successor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cxsdk import AuthenticationError, ConfigurationError, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.oauth import Grant
from cxsdk.store import Store, accounts, oauth_tokens, schema
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer, is_key, new_key
from cxsdk.testing import NOW

LEASE = timedelta(seconds=30)
OLD, NEW = Secret(new_key()), Secret(new_key())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", clock)) as store:
        schema.upgrade(store)
        yield store


@pytest.fixture
def vault_of(store: Store) -> Callable[..., TokenVault]:
    return lambda *keys, account="crm": TokenVault(store, Sealer(keys or (OLD,)), account)


def grant(name: str = "first") -> Grant:
    tokens = {"access_token": f"{name}-access-secret", "refresh_token": f"{name}-refresh-secret", "expires_in": 3600}
    return Grant.of({**tokens, "domain": "shop.example.com"}, NOW, redirect_uri="http://localhost/cb")


def test_a_grant_is_read_back_as_it_was_stored(vault_of: Callable[..., TokenVault]) -> None:
    assert vault_of().load() is None
    vault_of().connect(grant())
    kept = vault_of().load()
    assert kept is not None
    assert (kept.grant, kept.generation, kept.problem) == (grant(), 1, "")


def test_no_token_stands_in_the_database_file(tmp_path: Path, vault_of: Callable[..., TokenVault]) -> None:
    vault_of().connect(grant())
    vault_of().keep(grant("second"), 1)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"oauth_tokens" in written
    assert not [text for text in (b"-secret", b"shop.example.com", OLD.reveal().encode()) if text in written]


def test_a_sealed_row_cannot_be_passed_off_as_anothers(store: Store, vault_of: Callable[..., TokenVault]) -> None:
    vault_of().connect(grant())
    with store.write() as tx:
        tx.connection.exec_driver_sql("UPDATE oauth_tokens SET account = 'other'")
    with pytest.raises(AuthenticationError) as error:
        vault_of(account="other").load()
    assert error.value.code == "secrets_key_wrong"


def test_a_lost_key_is_told_with_its_cure(vault_of: Callable[..., TokenVault]) -> None:
    vault_of().connect(grant())
    with pytest.raises(AuthenticationError, match=r"secrets_keys.*cxsdk connect crm APP") as error:
        vault_of(NEW).load()
    assert error.value.code == "secrets_key_wrong"


def test_keys_are_changed_without_connecting_anything_again(store: Store, vault_of: Callable[..., TokenVault]) -> None:
    vault_of(OLD).connect(grant())
    assert vault_of(NEW, OLD).load() is not None
    assert oauth_tokens.seal_again(store, Sealer((NEW, OLD))) == 1
    kept = vault_of(NEW).load()
    assert kept is not None
    assert (kept.grant, kept.generation) == (grant(), 1)
    with pytest.raises(AuthenticationError):
        vault_of(OLD).load()


def test_without_a_key_nothing_is_sealed(vault_of: Callable[..., TokenVault], store: Store) -> None:
    with pytest.raises(ConfigurationError, match="cxsdk key create") as error:
        TokenVault(store, Sealer(()), "crm").connect(grant())
    assert error.value.code == "secrets_key_missing"


def test_a_library_that_is_missing_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk.store.sealing.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'cxsdk.oauth.'") as error:
        Sealer((OLD,)).check("An account is connected by OAuth")
    assert error.value.code == "extra_missing"


@pytest.mark.parametrize(
    "text",
    ["", "short", "x" * 44, new_key()[:-2], new_key() + "=", "é" * 44],
    ids=["empty", "short", "letters", "cut off", "too long", "foreign"],
)
def test_a_key_is_told_from_what_is_none(text: str) -> None:
    assert is_key(new_key())
    assert not is_key(text)


# -- leases and successors


def test_one_has_the_lease_until_it_ends(vault_of: Callable[..., TokenVault], clock: ManualClock) -> None:
    vault = vault_of()
    vault.connect(grant())
    first = vault.begin(1, LEASE)
    assert first is not None
    assert vault.begin(1, LEASE) is None
    clock.advance(LEASE + timedelta(seconds=1))
    second = vault.begin(1, LEASE)
    assert second is not None
    assert second.fence > first.fence
    vault.release(first, timedelta(0))  # whose lease is over gives nothing back
    assert vault.begin(1, LEASE) is None


def test_a_lease_that_is_given_back_is_free_after_the_wait(
    vault_of: Callable[..., TokenVault], clock: ManualClock
) -> None:
    vault = vault_of()
    vault.connect(grant())
    lease = vault.begin(1, LEASE)
    assert lease is not None
    vault.release(lease, timedelta(seconds=2))
    assert vault.begin(1, LEASE) is None
    clock.advance(timedelta(seconds=3))
    assert vault.begin(1, LEASE)


def test_a_grant_has_one_successor(vault_of: Callable[..., TokenVault]) -> None:
    vault = vault_of()
    vault.connect(grant())
    assert vault.keep(grant("second"), 1)
    assert not vault.keep(grant("third"), 1)
    assert not vault.give_up(1, "over")
    kept = vault.load()
    assert kept is not None
    assert (kept.grant, kept.problem) == (grant("second"), "")
    assert vault.begin(1, LEASE) is None


def test_a_late_answer_that_is_the_only_successor_is_kept(
    store: Store, vault_of: Callable[..., TokenVault], clock: ManualClock
) -> None:
    vault = vault_of()
    vault.connect(grant())
    vault.begin(1, LEASE)
    clock.advance(LEASE + timedelta(seconds=1))
    vault.begin(1, LEASE)  # another process asks with the same refresh token, and is refused
    assert vault.give_up(1, "invalid_grant")
    assert vault.keep(grant("second"), 1)  # the stopped one wakes up: it has what the provider gave instead
    kept = vault.load()
    assert kept is not None
    assert (kept.generation, kept.problem) == (2, "")
    with store.read() as tx:
        assert not accounts.is_paused(store, tx, "crm")


def test_a_grant_that_is_over_has_its_account_rest_and_say_why(
    store: Store, vault_of: Callable[..., TokenVault]
) -> None:
    vault_of().connect(grant())
    assert vault_of().give_up(1, "crm: ended. Run: cxsdk connect crm APP")
    kept = vault_of().load()
    assert kept is not None
    assert kept.problem == "crm: ended. Run: cxsdk connect crm APP"
    assert vault_of().begin(1, LEASE) is None
    with store.read() as tx:
        health = accounts.health(tx, "crm")
        assert health is not None
        assert health.problem.startswith("reconnect_needed: crm: ended.")
        assert accounts.is_paused(store, tx, "crm")


def test_an_account_that_is_connected_again_works_at_once(store: Store, vault_of: Callable[..., TokenVault]) -> None:
    vault_of().connect(grant())
    vault_of().give_up(1, "ended")
    vault_of(NEW).connect(grant("second"))
    kept = vault_of(NEW).load()
    assert kept is not None
    assert (kept.grant, kept.generation, kept.problem) == (grant("second"), 2, "")
    with store.read() as tx:
        assert not accounts.is_paused(store, tx, "crm")


def test_connecting_does_not_lift_a_limits_pause(store: Store, vault_of: Callable[..., TokenVault]) -> None:
    with store.write() as tx:
        accounts.pause(store, tx, "crm", "rate_limited: slow down", timedelta(minutes=1))
    vault_of().connect(grant())
    with store.read() as tx:
        assert accounts.is_paused(store, tx, "crm")
