"""What the project costs, as figures of one run: `python -m benchmarks`. Read ratios; machines are noisy."""
