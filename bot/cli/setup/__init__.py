"""The steps of `setup`: what each asks, and what comes of it."""
