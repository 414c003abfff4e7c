"""Restores databases: from archives of any origin to a plan, and from the plan to restored, checked databases."""
