"""Write what the documentation takes from nnlint itself.

    python docs/generate.py

renews the output under each `$ nnlint ...` in README.md and docs/example.md, the JSON schemas in
docs/schemas/ and the kinds of findings in docs/audit.md. What needs torchvision is renewed where
that is installed, with the pictures. The site is made by docs/build.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nnlint.audit.checks import load as load_checks
from nnlint.audit.schema import audit_schema
from nnlint.schemas import SCHEMAS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
AUDIT = ROOT / "docs" / "audit.md"
END_OF_KINDS = "<!-- end of kinds -->"
SCHEMA_FILES = ROOT / "docs" / "schemas"
EXAMPLE = ROOT / "docs" / "example.md"
STEP = re.compile(r"^```(sh|console)\n([^\n]*)\n(?:.*?)```", re.DOTALL | re.MULTILINE)
PICTURES = {
    "example-labels.png": "found/label-issues-train.png",
    "example-batch.png": "entering/batch-train.png",
    "example-mixing.svg": "measured/SongClassifier-batch-dependency.svg",
    "example-overfit.svg": "measured/SongClassifier-overfit-Adam-0.001.svg",
}
"""Pictures of the page about the example, and the files that its commands write."""
CONSOLE = re.compile(r"(```console\n\$ (nnlint [^\n]*)\n).*?(```)", re.DOTALL)


PROGRAMS = {"nnlint": (sys.executable, "-m", "nnlint"), "python": (sys.executable,)}
"""What commands of a page begin with, and what is run in its place."""


def output_of(command: str, folder: Path = ROOT, extra: str = "", **environment: str) -> str:
    """What a command prints.

    Parameters:
        folder: where it is run.
        extra: further options.
        environment: further variables.
    """
    program, _, arguments = command.partition(" ")
    line = f"{shlex.join(PROGRAMS.get(program, (program,)))} {arguments} {extra}"
    result = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if result.returncode not in (0, 1):
        raise SystemExit(f"{command}: {result.stderr}")
    return result.stdout


def renewed(text: str) -> str:
    """A Markdown text with the output of its commands as it is now."""
    return CONSOLE.sub(
        lambda block: block[1] + output_of(block[2], extra="--no-cache") + block[3], text
    )


def walked(page: str, folder: Path, with_models: bool = False, extra: str = "") -> str:
    """The page about the example with the output of its commands as it is now.

    Parameters:
        folder: a copy of the example project, in which its commands are run one after the other.
        with_models: whether to run those that need what the project imports, too.
        extra: further options for these.
    """

    def run(block: re.Match[str]) -> str:
        command = block[2].removeprefix("$ ")
        needs = "build_loaders" in command
        if needs and not with_models:
            return block[0]
        told = output_of(command, folder, extra if needs else "", COLUMNS="100")
        if block[1] == "sh":
            return block[0]
        shown = "".join(f"{row.rstrip()}\n" for row in told.splitlines())
        return f"```console\n$ {command}\n{shown}```"

    return STEP.sub(run, page)


def write_example() -> None:
    """Renew the page about the example, and its pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bird_songs"
        shutil.copytree(ROOT / "examples" / "bird_songs", folder)
        runs = importlib.util.find_spec("torchvision") is not None
        text = walked(EXAMPLE.read_text(encoding="utf-8"), folder, runs)
        EXAMPLE.write_text(text, encoding="utf-8")
        for shown, made in PICTURES.items():
            if (folder / made).exists():
                shutil.copy(folder / made, EXAMPLE.parent / shown)


def write_schemas(folder: Path) -> None:
    """Write the JSON schemas."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in (SCHEMAS | {"audit": audit_schema}).items():
        text = json.dumps(schema(), indent=2) + "\n"
        (folder / f"{name}.schema.json").write_text(text, encoding="utf-8")


def with_kinds(page: str) -> str:
    """The page about audits, with what the checks say of themselves."""
    told = ""
    for plugin in load_checks():
        paragraphs = plugin.documentation.split("\n\n")
        text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        told += f"### `{plugin.kind}`\n\n{text}\n\n"
    head, start, rest = page.partition("<!-- kinds: made by docs/generate.py -->\n")
    return f"{head}{start}\n{told}{END_OF_KINDS}{rest.partition(END_OF_KINDS)[2]}"


def main() -> None:
    """Renew everything."""
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
    write_example()
    write_schemas(SCHEMA_FILES)
    AUDIT.write_text(with_kinds(AUDIT.read_text(encoding="utf-8")), encoding="utf-8")
    print(
        f"renewed {README.name}, {EXAMPLE.name}, {AUDIT.name} and {SCHEMA_FILES.relative_to(ROOT)}"
    )


if __name__ == "__main__":
    main()
