"""What runs in the user's interpreter: the standard library and torch, nothing of nnlint.

The parent process never imports this package by name there: `worker.py` loads the folder
under a private name, so that it cannot clash with an installed nnlint or a user's module.
Every import inside is relative, and the syntax stays within Python 3.9.
"""
