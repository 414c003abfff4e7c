"""What stays in the store, and for how long."""
