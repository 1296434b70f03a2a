"""What benchmarks/memory.py measures: the memory of producer, Redis and worker, each beside its own scale."""
