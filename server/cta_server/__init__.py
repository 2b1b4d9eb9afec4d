"""The CTA-ACT server: the loop's runtime, its store and its gRPC services."""
