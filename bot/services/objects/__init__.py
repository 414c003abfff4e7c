"""Delivers to object stores: a bucket's prefix takes archives, lists them and gives them back."""
