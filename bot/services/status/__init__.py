"""What is asked of the service, read and measured."""
