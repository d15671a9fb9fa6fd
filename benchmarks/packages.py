"""The pinned packages: fetched with pip, checked by hash, unpacked once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".corpus"
"""Where packages are unpacked and findings written; git ignores it."""


@dataclass(frozen=True, slots=True)
class Package:
    """One release of a public package."""

    name: str
    version: str
    sha256: str
    """Of its wheel."""

    def unpacked(self, folder: Path) -> Path:
        """Where it is unpacked below `folder`."""
        return folder / f"{self.name}-{self.version}"


def packages(names: Iterable[str] = ()) -> list[Package]:
    """The packages of corpus.toml, all or the named ones.

    Raises:
        KeyError: a name is not in corpus.toml.
    """
    tables = tomllib.loads((HERE / "corpus.toml").read_text(encoding="utf-8"))
    return [Package(name, **tables[name]) for name in (list(names) or tables)]


def fetch(package: Package, folder: Path) -> Path:
    """Download and unpack a package unless it is there already.

    pip compares the wheel with the pinned hash; where it looks for wheels is for pip's
    own configuration to say.

    Raises:
        subprocess.CalledProcessError: pip could not get the wheel, or its hash differs.
    """
    target = package.unpacked(folder)
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        pin = scratch / "requirements.txt"
        pin.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
        subprocess.run([*command, "--dest", name, "--requirement", str(pin)], check=True)
        (wheel,) = scratch.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(scratch / "unpacked")
        shutil.move(scratch / "unpacked", target)
    return target


def python_files(folder: Path) -> list[Path]:
    """Every Python file below `folder`, in order."""
    return sorted(folder.rglob("*.py"))
