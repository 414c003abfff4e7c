"""Tests of what each chat is told."""
