"""Where a listener cannot be placed, the error says so and what to do."""

from __future__ import annotations

import socket

import pytest

from cxsdk import ConfigurationError
from cxsdk.web.serving import serving


def test_a_port_that_is_taken_is_told_with_a_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as error, serving(None, "127.0.0.1", port):
            pytest.fail("it is served twice")
    assert error.value.code == "port_unusable"
    assert str(error.value).startswith(f"127.0.0.1:{port} cannot be served: Address already in use. End what serves")


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("192.0.2.1", 0)])
def test_a_place_that_cannot_be_is_told(host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match="cannot be served"), serving(None, host, port):
        pytest.fail("it is served")
