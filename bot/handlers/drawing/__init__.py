"""How screens are drawn, edited and asked."""
