"""Who may use the bot and which chats receive: the settings, and what admins chose in the chat over them."""
