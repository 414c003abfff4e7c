"""Reads and measures the state of the service."""
