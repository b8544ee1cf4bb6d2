"""The truth: everything owed, done and decided, in SQLite or PostgreSQL."""

from cxsdk.store.engine import Store, Transaction

__all__ = ["Store", "Transaction"]
