"""The soak: load on a whole installation while everything around it is killed, stopped or in a bad mood.

``python -m tests.soak --duration 60 --seed 1`` prints one line of JSON; with ``--naive``, of the naive integration.
"""
