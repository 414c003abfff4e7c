"""Databases that could be backed up, found on this machine: open in programs, or lying in the usual places."""
