"""The pinned list of restore points, and recovery on a new machine."""
