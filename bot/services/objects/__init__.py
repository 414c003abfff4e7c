"""Object storage: a bucket's prefix as a place that takes archives, lists them and gives them back."""
