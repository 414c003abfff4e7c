"""Alarms: what is wrong, told once, edited as it changes, repeated now and then, and ended."""
