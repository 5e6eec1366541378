"""What may go wrong: damaged files, killed processes, mutants, random input."""
