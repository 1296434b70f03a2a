"""A fleet on this machine for benchmarks: a private Redis, real workers, real producers, many images."""
