"""What a plugin author tests with: a plugin opened with all it needs, and each of its doors as one call.

``Simulation`` runs months of the whole thing with everything that can go wrong; it loads when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxsdk.testing.context import NOW, SampleContext, opened, read, receive, send

if TYPE_CHECKING:
    from cxsdk.testing.simulation import Simulation as Simulation

__all__ = ["NOW", "SampleContext", "Simulation", "opened", "read", "receive", "send"]


def __getattr__(name: str) -> Any:
    if name != "Simulation":
        raise AttributeError(f"module 'cxsdk.testing' has no attribute {name!r}")
    from cxsdk.testing.simulation import Simulation

    return Simulation
