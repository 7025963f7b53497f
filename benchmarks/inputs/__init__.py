"""Series, files and services that several benchmarks use."""
