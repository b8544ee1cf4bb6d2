"""``cxsdk demo``: a real shop's purchases, replayed through the real code with a fast clock.

``purchases`` reads the real half; ``people``, ``hours`` and ``stories`` make up the simulated half from a seed. The
outside world is in ``world`` and the modules it names: a phone system, mailboxes, messenger users, a shop, agents. It
touches the installation only over sockets. ``replay`` moves the clock, ``tally`` counts by the numbers that the senders
gave, ``report`` shows what came of it.
"""
