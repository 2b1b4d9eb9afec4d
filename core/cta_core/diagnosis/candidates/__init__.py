"""Makers of recipes: what could have been done to a field's values, one kind of change per module."""
