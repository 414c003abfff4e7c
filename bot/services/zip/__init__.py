"""The ZIP format: deflate, records, reading."""
