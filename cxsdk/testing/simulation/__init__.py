"""Months of the real journeys in seconds, with everything that can go wrong, and the same each time."""

from __future__ import annotations

from cxsdk.testing.simulation.report import Report
from cxsdk.testing.simulation.simulation import Simulation, Violation

__all__ = ["Report", "Simulation", "Violation"]
