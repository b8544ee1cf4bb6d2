"""The truth: everything owed, done and decided, in SQLite or PostgreSQL."""

from cxsdk.store.engine import LostRace, Store, Transaction

__all__ = ["LostRace", "Store", "Transaction"]
