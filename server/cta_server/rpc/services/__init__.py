"""The servicers, one per service of the API. Each only reads its request, asks the runtime, and writes the answer."""
