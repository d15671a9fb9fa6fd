"""From source text to syntax: parsing, positions, edits."""
