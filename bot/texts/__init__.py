"""Formats screens: values in, HTML out, always short enough for Telegram."""
