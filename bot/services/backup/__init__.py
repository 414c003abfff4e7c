"""Runs backups, from the plan of a run to its pruning, one run at a time."""
