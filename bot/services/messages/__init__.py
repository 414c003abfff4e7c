"""What is sent to whom and when: preferences, digests, tidying."""
