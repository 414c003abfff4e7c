"""Threads, tasks and memory under an event loop."""
