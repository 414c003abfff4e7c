"""The services, each on real files."""
