"""Where and how a finding is mended: changes for `nnlint.rewriting`, by topic."""
