"""`nnlint server`: the language server, which lints what is being written."""
