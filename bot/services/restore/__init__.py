"""Giving it back: from whatever was brought to a plan, and from the plan to restored, checked databases."""
