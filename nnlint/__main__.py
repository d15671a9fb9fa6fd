"""`python -m nnlint`."""

from nnlint.cli import main

# worker processes import this module too
if __name__ == "__main__":
    main()
