"""Delivery: the ledger, the retries and the destinations behind one protocol."""
