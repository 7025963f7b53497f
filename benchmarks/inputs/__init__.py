"""Series and files that several benchmarks use."""
