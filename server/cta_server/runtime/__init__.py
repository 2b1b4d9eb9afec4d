"""The loop at work: gate, quarantine, healer, canary, stages, sources and watches, on asyncio."""
