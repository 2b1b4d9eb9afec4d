"""Consumers that come with the server, to see the loop at work."""
