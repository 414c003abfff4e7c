"""What codes say, in plain text: a reason with its facts in, a line out."""
