"""Takes private, checked copies of live databases."""
