"""`python -m nnlint`."""

import os
import sys

# worker processes import this module too
if __name__ == "__main__":
    # `-m` looks for modules in the current folder first, where the linted project may have a
    # `random.py` or `types.py` of its own
    if sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    from nnlint.cli import main

    main()
