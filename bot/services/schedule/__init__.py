"""When runs come."""
