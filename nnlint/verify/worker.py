"""The worker's program: run by the user's interpreter, it needs the standard library and torch.

`python worker.py` reads one JSON job on stdin and answers in JSON lines on stdout.
`python worker.py template FD FOLDER` imports torch and forks for each job that comes over
the socket. The folder `runtime` beside it is loaded under a private name, so that no nnlint
has to be installed there and none that is installed can get in the way.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

NAME = "_nnlint_verify_runtime"


def main() -> None:
    """Load the runtime and serve the job, or each job that comes."""
    here = os.path.dirname(os.path.abspath(__file__))
    # the folder of a program comes first on the path: its files must not shadow the user's
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    folder = os.path.join(here, "runtime")
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    if sys.argv[1:2] == ["template"]:
        template = importlib.import_module(NAME + ".template")
        sys.exit(template.main(int(sys.argv[2]), sys.argv[3]))
    serve = importlib.import_module(NAME + ".serve")
    sys.exit(serve.main())


if __name__ == "__main__":
    main()
