"""What developers run by hand: `python -m tools.docs` writes the generated part of `docs/`."""
