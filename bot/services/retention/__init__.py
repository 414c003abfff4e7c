"""Decides and carries out what stays in the store, and for how long."""
