"""What other tests registered as secret is no secret here."""

from __future__ import annotations

import pytest

from cxsdk.observe import redaction


@pytest.fixture(autouse=True)
def _nothing_is_secret_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())
