"""What `benchmarks/ctc.py` is made of: sides, their processes, goals, checks and the report."""
