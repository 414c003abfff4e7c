"""Examines the whole installation: what a helper would ask for, each part with its mend."""
