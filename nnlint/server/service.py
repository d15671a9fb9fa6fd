"""What the server knows: what is open, the projects that it lies in, and what was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lsprotocol import types as lsp

from nnlint.finding import Finding, Verdict
from nnlint.server.actions import same
from nnlint.server.buffers import Buffer, Buffers, folder_of
from nnlint.server.diagnostics import Capabilities, by_uri
from nnlint.server.projects import Linted, Project, broken, project_of
from nnlint.server.settings import ClientSettings

Publish = Callable[[Sequence[lsp.PublishDiagnosticsParams]], None]
Tell = Callable[[str, lsp.MessageType], None]


class Service:
    """Lints what is open, and remembers what was found. Linting is for one thread alone.

    Parameters:
        publish: shows the diagnostics of texts.
        tell: says something to the user.
    """

    def __init__(self, publish: Publish, tell: Tell) -> None:
        self.buffers = Buffers()
        self.settings = ClientSettings()
        self.client = Capabilities()
        self._publish = publish
        self._tell = tell
        self._projects: list[Project] = []
        self._lone: dict[str, Project] = {}
        self._findings: dict[str, tuple[Finding, ...]] = {}
        """By the place of a project."""
        self._texts: dict[str, bytes] = {}
        """By path, what the files held in which that was found."""
        self._verdicts: list[tuple[Finding, Verdict]] = []
        self._shown: set[str] = set()
        """Addresses of texts that have diagnostics."""
        self._told: set[str] = set()
        self._changes = 0
        """How often something has changed that findings rest on."""
        self._shown_of = {False: -1, True: -1}
        """How often it had, when what is open was shown, and when all was."""

    def outdate(self) -> None:
        """Leave out what is being found: something that it rests on has changed."""
        self._changes += 1

    def is_current(self, whole: bool = False) -> bool:
        """Whether what is shown of all that is open is what is found there.

        Parameters:
            whole: whether it is so of all that is linted.
        """
        return self._shown_of[whole] == self._changes

    def settle(self) -> None:
        """Take what is shown for all that will be found until something changes."""
        self._shown_of = {False: self._changes, True: self._changes}

    def work_in(self, added: Iterable[str], removed: Iterable[str] = ()) -> None:
        """Work in further folders, given by their addresses, and in some no more."""
        gone = {folder_of(uri) for uri in removed}
        self._projects = [p for p in self._projects if p.place not in gone]
        places = {project.place for project in self._projects}
        for folder in filter(None, map(folder_of, added)):
            if folder not in places:
                places.add(folder)
                self._projects.append(Project(folder, self.settings.stage))
        self._lone.clear()

    def set(self, settings: ClientSettings) -> None:
        """Go on under other settings of the client."""
        if settings.stage != self.settings.stage:
            self._projects = [Project(p.place, settings.stage) for p in self._projects]
            self._lone.clear()
        self.settings = settings

    @property
    def folders(self) -> list[str]:
        """The folders that are worked in."""
        return [project.folder for project in self._projects]

    def project(self, path: str) -> Project:
        """The project that a file is in."""
        return project_of(path, self._projects, self._lone, self.settings.stage)

    def forget(self) -> None:
        """Look again at which files there are, and at their configuration."""
        for project in (*self._projects, *self._lone.values()):
            project.forget()

    def findings(self, buffer: Buffer) -> list[Finding]:
        """What was found in a file that is open; nothing where it has changed since."""
        if self._texts.get(buffer.path) != buffer.raw:
            # places are those of the text that was linted
            return []
        found = self._findings.get(self.project(buffer.path).place, ())
        return [f for f in found if os.path.abspath(f.filename) == buffer.path]

    def lint(self, show: Callable[[Callable[[], None]], None]) -> None:
        """Lint what is open, and show what is found.

        Parameters:
            show: calls a function in the thread that talks to the client.
        """
        changes = self._changes

        def shown(results: dict[str, Linted], whole: bool) -> None:
            if changes == self._changes:
                self._texts = texts
                self._shown_of |= {False: changes} | ({True: changes} if whole else {})
                self._show(results, whole)

        buffers = list(self.buffers) if self.settings.enable else []
        texts = {buffer.path: buffer.raw for buffer in buffers}
        overlay = self.buffers.overlay()
        opened: dict[str, list[str]] = {}
        projects = {p.place: p for p in self._projects} if self.settings.enable else {}
        for buffer in buffers:
            project = self.project(buffer.path)
            projects[project.place] = project
            opened.setdefault(project.place, []).append(buffer.path)
        everything = self.settings.lint == "project"
        first = {
            place: self._linted(projects[place], overlay, paths) for place, paths in opened.items()
        }
        show(lambda: shown(first, not everything))
        if everything:
            # what somebody looks at has been shown already
            results = {
                place: self._linted(project, overlay, opened.get(place, []), True)
                for place, project in projects.items()
            }
            show(lambda: shown(results, True))

    def _linted(
        self,
        project: Project,
        overlay: dict[str, bytes],
        opened: list[str],
        everything: bool = False,
    ) -> Linted:
        linted = project.lint(overlay, opened, everything)
        for remark in linted.remarks:
            self._tell_once(f"nnlint: {remark}", lsp.MessageType.Warning)
        return linted

    def _tell_once(self, text: str, kind: lsp.MessageType) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text, kind)

    def _show(self, results: dict[str, Linted], whole: bool) -> None:
        """Show what is known by now.

        Parameters:
            whole: whether it is all that is linted, so that other files have nothing to show.
        """
        before = {} if whole else self._findings
        self._findings = dict(before)
        for place, linted in results.items():
            others = (f for f in before.get(place, ()) if f.filename not in linted.files)
            self._findings[place] = (*linted.findings, *others)
        told: dict[str, list[lsp.Diagnostic]] = {}
        for place, linted in results.items():
            folder = place if os.path.isdir(place) else os.path.dirname(place)
            wanted = [f for f in linted.findings if os.path.abspath(f.filename) in linted.files]
            uris = [t.uri for path in linted.files if (b := self.buffers.at(path)) for t in b.texts]
            shown = [self._with_verdict(f) for f in wanted]
            told |= by_uri([*shown, *linted.problems], uris, self.buffers, folder, self.client)
            for problem in linted.problems:
                self._tell_once(broken(problem), lsp.MessageType.Error)
        mended = {text for text in self._told if text.endswith("until it is mended")}
        current = {broken(p) for linted in results.values() for p in linted.problems}
        self._told -= mended - current
        if whole:
            told |= {uri: [] for uri in self._shown - told.keys()}
        self._shown -= told.keys()
        self._shown |= {uri for uri, diagnostics in told.items() if diagnostics}
        self._publish(
            [
                lsp.PublishDiagnosticsParams(uri, diagnostics, version=self._version(uri))
                for uri, diagnostics in sorted(told.items())
            ]
        )

    def _version(self, uri: str) -> int | None:
        buffer = self.buffers.of(uri)
        texts = buffer.texts if buffer else []
        return next((text.version for text in texts if text.uri == uri), None)

    def note(self, finding: Finding, verdict: Verdict) -> None:
        """Show what running the code has shown of a finding, as long as it is found so."""
        known = [(f, v) for f, v in self._verdicts if not same(f, finding)]
        self._verdicts = [*known, (finding, verdict)]

    def _with_verdict(self, finding: Finding) -> Finding:
        for known, verdict in self._verdicts:
            if same(known, finding):
                return replace(finding, verdict=verdict)
        return finding
