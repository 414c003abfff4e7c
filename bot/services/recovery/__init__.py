"""Keeps the pinned list of restore points, and recovers databases on a new machine."""
