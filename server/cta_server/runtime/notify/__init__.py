"""Tells webhooks what happens: CloudEvents by HTTP, signed, retried, in order, each at least once."""
