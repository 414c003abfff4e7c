"""Seals archives: encrypts them in the age format, which the stock `age` opens."""
