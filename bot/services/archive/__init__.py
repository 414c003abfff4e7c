"""From checked copies to a proven archive, and back to what an archive says."""
