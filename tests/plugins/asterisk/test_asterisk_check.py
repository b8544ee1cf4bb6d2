"""What a check of Asterisk tells: who is let in, what the user may not do, and who does not answer."""

from __future__ import annotations

import pytest

from cxsdk import AuthenticationError, Secret, Transient
from cxsdk.testing import opened
from cxsdk_asterisk import Asterisk
from tests.plugins.asterisk.ami import Manager
from tests.plugins.asterisk.samples import asterisk


def checked(manager: Manager, **settings: object) -> str:
    with opened(asterisk(**{"host": "127.0.0.1", "port": manager.port, **settings})) as channel:
        assert isinstance(channel, Asterisk)
        return channel.check()


def test_a_check_logs_in_and_asks_what_is_asked_anyway() -> None:
    with Manager() as manager:
        assert checked(manager) == f"cxsdk at 127.0.0.1:{manager.port}"
        assert manager.actions() == ["Challenge", "Login", "CoreShowChannels", "Logoff"]


def test_a_wrong_secret_is_told() -> None:
    with Manager() as manager, pytest.raises(AuthenticationError, match=r"manager\.conf"):
        checked(manager, secret=Secret("another"))


def test_a_right_that_is_missing_is_told() -> None:
    with Manager() as manager:
        manager.may_list = False
        with pytest.raises(AuthenticationError, match="reporting") as caught:
            checked(manager)
    assert caught.value.code == "asterisk_right_missing"


def test_a_port_that_is_no_managers_and_one_that_is_closed_are_told() -> None:
    with Manager() as manager:
        manager.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
        with pytest.raises(Transient, match="port of AMI"):
            checked(manager)
    with pytest.raises(Transient) as caught:
        checked(manager)
    assert caught.value.code == "asterisk_unreachable"
