"""Figures of customer service: pure functions on counts and moments, each with its formula and its source.

Sources are articles on customer service, named by letter: W a messenger company's service department, E an antivirus
vendor's closed loop, L a live-chat vendor, U an agency on service levels, M a check-list of 25 rules.
What cannot be computed, because there is nothing yet, is None.
"""
