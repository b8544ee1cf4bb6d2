"""Decisions, and nothing but decisions: facts, rules and ``now`` in, a verdict with its reasons out."""
