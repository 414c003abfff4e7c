"""Sealing: archives encrypted in the age format, so that the stock `age` opens them and nobody without the key does."""
