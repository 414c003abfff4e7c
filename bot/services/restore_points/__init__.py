"""The pinned catalogue of restore points: what gives the databases back when nothing is left but the chat."""
