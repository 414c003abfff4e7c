"""From a live database to a private, checked copy."""
