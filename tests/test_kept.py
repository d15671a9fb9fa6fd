"""What a process that goes on keeps: files of folders, words of files, and work to give up."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from nnlint.collecting import collect_now, collected_file_by_file, collected_later
from nnlint.config import Config
from nnlint.engine import Linter
from nnlint.project.kept import Listing, Words
from nnlint.server.worker import Worker
from nnlint.stopping import Stopped, ask_to_stop, stop_if_asked

LONG_AGO = (1_600_000_000, 1_600_000_000)


def settle(folder: Path) -> None:
    """Make all of a folder look as if it had not changed for long."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, LONG_AGO)


def names(listing: Listing) -> set[str]:
    return {os.path.basename(file) for file in listing.files}


def test_a_listing_holds_until_a_file_comes_or_goes(tmp_path: Path) -> None:
    (tmp_path / "inner" / "empty").mkdir(parents=True)
    (tmp_path / "inner" / "a.py").touch()
    settle(tmp_path)
    listing = Listing.of(str(tmp_path))
    assert names(listing) == {"a.py"} and listing.holds()
    (tmp_path / "inner" / "empty" / "b.py").touch()
    assert not listing.holds()
    assert names(Listing.of(str(tmp_path))) == {"a.py", "b.py"}


def test_a_listing_rests_on_ignore_files_too(tmp_path: Path) -> None:
    (tmp_path / ".git" / "info").mkdir(parents=True)
    for name in ("a.py", "b.py"):
        (tmp_path / name).touch()
    settle(tmp_path)
    listing = Listing.of(str(tmp_path))
    (tmp_path / ".git" / "info" / "exclude").write_text("b.py\n", encoding="utf-8")
    os.utime(tmp_path, LONG_AGO)
    assert not listing.holds()
    assert names(Listing.of(str(tmp_path))) == {"a.py"}


def test_what_has_just_changed_is_looked_at_again(tmp_path: Path) -> None:
    assert not Listing.of(str(tmp_path)).holds()
    assert Listing.of(str(tmp_path / "none")).files == ()


def test_words_follow_the_files_that_change(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.py", "b.py")]
    for path in paths:
        Path(path).write_text("model = Net()\n", encoding="utf-8")
    settle(tmp_path)
    read: list[str] = []

    def content(path: str) -> bytes:
        read.append(path)
        return Path(path).read_bytes()

    words = Words()
    words.renew(iter(paths), content, {})
    assert words.files("Net") == paths and words.files("Ne") == []
    words.renew(iter(paths), content, {})
    assert read == paths
    Path(paths[1]).write_text("model = Other()\n", encoding="utf-8")
    words.renew(iter(paths), content, {})
    assert words.files("Net") == paths[:1] and words.files("Other") == paths[1:]
    overlay = {paths[0]: b"Other"}
    words.renew(iter(paths), lambda path: overlay.get(path) or content(path), overlay)
    assert words.files("Net") == [] and sorted(words.files("Other")) == paths
    words.renew(iter(paths[:1]), content, {})
    assert words.files("Other") == [] and words.files("Net") == paths[:1]


def test_linting_is_given_up_when_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("import torch\n\ndef main():\n    torch.ones(1)\n\nmain()\n", encoding="utf-8")
    config = Config()
    linter = Linter(lambda folder: config, jobs=1)
    found = linter.discover([str(file)])
    ask_to_stop()
    try:
        with pytest.raises(Stopped):
            linter.run(found)
    finally:
        ask_to_stop(False)
    assert linter.run(found).files == (str(file),)


def test_a_worker_begins_anew_and_does_what_is_given_first() -> None:
    begun: list[str] = []
    ended = threading.Event()

    def again() -> None:
        begun.append("again")
        while len(begun) < 3:
            stop_if_asked()
            time.sleep(0.001)
        ended.set()

    failures: list[Exception] = []
    worker = Worker(again, failures.append)
    worker.start()
    worker.wake()
    while not begun:
        time.sleep(0.001)
    job = worker.submit(lambda: begun.append("job"))
    worker.wake()
    assert job.result(10) is None and ended.wait(10)
    assert begun == ["again", "job", "again"] and failures == []
    assert worker.submit(lambda: 7).result(10) == 7
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(10)
    worker.end()
    worker.join(10)
    assert not worker.is_alive()
    ask_to_stop(False)


def test_garbage_waits_for_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    monkeypatch.setattr("nnlint.collecting.gc.collect", collected.append)
    with collected_later(), collected_file_by_file() as collect:
        collect()
    assert collected == []
    collect_now()
    assert len(collected) == 1
