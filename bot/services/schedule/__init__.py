"""Decides when backups run."""
