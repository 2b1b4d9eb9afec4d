"""The gRPC face: one servicer per service, converters between messages and the core's values, errors, limits and
watches.
"""
