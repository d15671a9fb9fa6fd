"""Many files as one program: module names, what takes part, and what is remembered."""
