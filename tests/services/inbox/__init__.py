"""Tests of the inbox as a service."""
