"""Delivers backups: the ledger, its retries, and the destinations behind one protocol."""
