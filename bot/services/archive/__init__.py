"""Writes proven archives of checked copies, and reads what an archive says of itself."""
