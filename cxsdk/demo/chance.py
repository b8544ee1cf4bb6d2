"""Chance that comes out the same each time: drawn from what it is about, in whatever order things happen."""

from __future__ import annotations

from random import Random


def chance(*about: object) -> Random:
    """A source of random numbers for one thing."""
    return Random("/".join(map(str, about)))  # noqa: S311 - samples, no secrets
