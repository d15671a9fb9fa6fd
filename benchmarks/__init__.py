"""Measurements of nnlint on pinned public packages: what it finds, and how fast."""
