"""The verbs that talk to a server: one module a group of commands, loaded by the root when its group is asked for."""
