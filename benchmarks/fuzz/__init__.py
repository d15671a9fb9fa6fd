"""Fuzzing: hostile mutants of real files, and what linting them leads to."""
