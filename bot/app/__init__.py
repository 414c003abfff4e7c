"""The service: built, run, drained."""
