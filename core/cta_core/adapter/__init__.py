"""Adapters: typed programs of steps that turn drifted events into healthy ones, and what checks and runs them."""
