"""`cta demo`: the whole loop on a server of its own, shown as it happens."""
