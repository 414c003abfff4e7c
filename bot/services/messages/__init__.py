"""Decides what is sent to whom and when: preferences, digests, tidying."""
