"""The sections of docs/performance.md, each from the JSON that a benchmark left in docs/runs/performance."""
