"""Write what the documentation takes from nnlint itself.

    python docs/generate.py

renews the output under each `$ nnlint ...` in README.md, the JSON schemas in docs/schemas/ and
the kinds of findings in docs/audit.md. The site is made by docs/build.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from nnlint.audit.checks import load as load_checks
from nnlint.audit.schema import audit_schema
from nnlint.schemas import SCHEMAS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
AUDIT = ROOT / "docs" / "audit.md"
END_OF_KINDS = "<!-- end of kinds -->"
SCHEMA_FILES = ROOT / "docs" / "schemas"
CONSOLE = re.compile(r"(```console\n\$ (nnlint [^\n]*)\n).*?(```)", re.DOTALL)


def output_of(command: str) -> str:
    """What a command prints, in the root of the repository."""
    _, *arguments = shlex.split(command)
    result = subprocess.run(
        [sys.executable, "-m", "nnlint", *arguments, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if result.returncode == 2:
        raise SystemExit(f"{command}: {result.stderr}")
    return result.stdout


def renewed(text: str) -> str:
    """A Markdown text with the output of its commands as it is now."""
    return CONSOLE.sub(lambda block: block[1] + output_of(block[2]) + block[3], text)


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
    write_schemas(SCHEMA_FILES)
    AUDIT.write_text(with_kinds(AUDIT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"renewed {README.name}, {AUDIT.name} and {SCHEMA_FILES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
