"""The pure domain of CTA-ACT: contracts, profiles, adapters, diagnosis, verdicts and the incident's state machine.

Nothing here does I/O, reads a clock or draws a random number; time, ids and seeds come in as inputs.
"""
