"""What each chat is told, and what is tidied away there again."""
