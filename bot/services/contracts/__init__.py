"""Defines the interfaces of destinations and chats."""
