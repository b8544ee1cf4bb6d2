"""``make bench``: each figure is ours against a named baseline, measured in the same run, turn by turn.

What is measured is what an operator runs: ``cxsdk web``, ``worker`` and ``clock`` as processes, signed webhooks over
loopback, and a CRM that is a process of its own. No figure leaves a part of the way out.
"""
