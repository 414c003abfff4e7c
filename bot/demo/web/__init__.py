"""The demo as a page in a browser: three phones, and what can happen to a server."""
