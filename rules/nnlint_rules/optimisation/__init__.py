"""Rules of nnlint."""
