"""What places for archives and chats have to offer."""
