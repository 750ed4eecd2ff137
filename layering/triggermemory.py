# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts gave, remembered: the memory that `triggers.run` asks, over trees of a repository.

A result is used if all that its script looked at is, in this tree, as it was in that one. The key
only finds the few results that are worth comparing: what the script is, and the state of what it
says it reads. A result that is found is brought into the tree as metadata. The mounted tree gets it
when a script really has to run, the finished one when it is sealed.

Where anything is in doubt a script runs, as it would without a memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from layering import deltas, memos, mounteddelta, reads
from layering.errors import LayeringError, WorkspaceError
from layering.leftovers import is_leftover
from layering.memorable import forget_state, why_not, why_not_elsewhere, why_not_state
from layering.mtree import MutableTree
from layering.repo import Repo
from layering.sandboxpaths import DoubtError, Shape
from layering.sandboxview import View
from layering.statewatch import Stamp, Watch
from layering.treestate import TreeState
from layering.upperdelta import Delta, Scan, Upper, delta_of
from layering.upperobjects import settled
from layering.versions import POLICY_VERSION
from layering.workspace import Workspace
from triggers import Invocation, Observed, Outcome, Sandbox

_COMPARED = 4  # results of one key that are compared, those used last


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """How things stood when a script began."""

    key: str
    scan: Scan
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What a script that may be remembered gave, where it has run."""

    outcome: Outcome
    upper: Upper
    key: str  # "" where the state of what it says it reads cannot be said
    view: View | None  # what it saw; None there
    made: memos.Draft | None  # None: it cannot be remembered
    why: str  # that is so


Judge = Callable[[Again], None]


@dataclass(slots=True, kw_only=True)
class TriggerMemory:
    """The memory of one merged tree's making; to be used inside one transaction."""

    repo: Repo
    workspace: Workspace
    sandbox: Sandbox
    watch: Watch
    upper: Upper
    leaves: frozenset[str]  # checksums that stand for a directory (`View.leaves`)
    recalls: bool = True  # whether results are used, or only kept
    why: dict[str, str] = field(default_factory=dict)  # by label: why a result was not kept
    used: list[str] = field(default_factory=list)  # labels
    drafts: list[memos.Draft] = field(default_factory=list)
    judge: Judge | None = None  # is told of all that has run and may be remembered
    _pending: list[Delta] = field(default_factory=list)  # recalled, and not on the mount yet
    _scan: Scan | None = None  # None: the mount may have changed since
    _running: _Running | None = None
    _broken: bool = False

    def recall(self, invocation: Invocation) -> str | None:
        """Returns what the script said, with what it gave now in the tree; None if it must run."""
        if not self.recalls or not _eligible(invocation) or self.watch.overflows:
            return None  # of /var, not all that there is may have been looked at
        if (scan := self._scanned()) is None:
            return None
        view = self._view(scan)
        try:
            key = self._key(invocation, view)
        except DoubtError:
            return None
        for memo in islice(memos.known(self.repo, key), _COMPARED):
            try:
                if not reads.holds(view, memo.reads):
                    continue
                delta = memo.delta(self.repo)
            except (DoubtError, LayeringError, ValueError):
                continue  # a result that is not whole is none
            fitting = deltas.fitted(self.repo, delta, self.upper.united, self.upper.objects.labels)
            self._pending.append(fitting)
            memos.touch(self.repo, memo.ref)
            self.used.append(invocation.label)
            return memo.output
        return None

    def begin(self, invocation: Invocation) -> bool:
        """Brings what was recalled to the mount; returns whether the script is to be observed."""
        self._running = None
        self.complete()
        if _eligible(invocation) and (scan := self._scanned()) is not None:
            view = self._view(scan)
            try:
                key = self._key(invocation, view)
                self._running = _Running(key=key, scan=scan, view=view)
            except DoubtError as doubt:
                self.why[invocation.label] = str(doubt)
        self._scan = None
        return self._running is not None

    def keep(self, outcome: Outcome, observed: Observed | None) -> None:
        """Takes a draft of the result, if all that it depends on and all that it did is known."""
        running, self._running = self._running, None
        label, made = outcome.invocation.label, None
        if running is not None:
            made, reason = self._kept(running, outcome, observed)
            if made is not None:
                self.drafts.append(made)
            else:
                self.why[label] = reason
        if self.judge is not None and _eligible(outcome.invocation):
            again = Again(
                outcome=outcome,
                upper=self.upper,
                key=running.key if running else "",
                view=running.view if running else None,
                made=made,
                why=self.why.get(label, "") if made is None else "",
            )
            self.judge(again)

    def complete(self) -> None:
        """Makes the mounted tree complete, for whoever looks at it or writes to it next.

        Raises:
            WorkspaceError: it cannot be written to.
        """
        self._scan = None
        for delta in self._pending:
            put = mounteddelta.put(self.repo, self.workspace.root, deltas.patch_of(delta))
            try:
                stamps = mounteddelta.stamps(self.workspace.upper, put)
            except OSError as error:
                raise WorkspaceError(f"cannot write to the tree: {error}") from error
            if settled(max((stamp.changed for stamp, _ in stamps.values()), default=0)):
                self.upper.objects.known.update(stamps)
        self._pending.clear()

    def bring(self, tree: MutableTree) -> None:
        """Brings what the mounted tree lacks into one that was sealed from it."""
        for delta in self._pending:
            deltas.bring(self.repo, tree, deltas.patch_of(delta))

    def commit(self) -> None:
        """Commits the drafts; to be called in the transaction that commits the tree."""
        for each in self.drafts:
            memos.commit(self.repo, each)

    def _scanned(self) -> Scan | None:
        if self._scan is None and not self._broken:
            try:
                self._scan = self.upper.scan()
            except LayeringError:
                self._broken = True  # sealing will say what it is, if it still is then
        return None if self._broken else self._scan

    def _view(self, scan: Scan) -> View:
        state = scan.state
        for delta in self._pending:
            state = state.patched(deltas.patch_of(delta))
        return view_of(state, self.sandbox, self.watch, self.leaves)

    def _key(self, invocation: Invocation, view: View) -> str:
        sandbox = self.sandbox
        return memos.key_of(
            {
                "policy": POLICY_VERSION,
                "labels": self.upper.objects.labels.key,
                "top": [sandbox.links, sandbox.directories, sandbox.tops, sandbox.etc],
                "sandbox": [sandbox.environment, sandbox.stand_ins, sandbox.machine_id],
                "binds": [each.destination for each in sandbox.binds],
                "script": [str(invocation.phase), invocation.owner, invocation.interpreter],
                "body": [invocation.body, invocation.args, invocation.environment],
                "stdin": None if invocation.stdin is None else invocation.stdin.hex(),
                "reads": [
                    (each.path, each.how, each.token)
                    for each in reads.declared(view, invocation.reads)
                ],
            }
        )

    def _kept(
        self, running: _Running, outcome: Outcome, observed: Observed | None
    ) -> tuple[memos.Draft | None, str]:
        """Returns a draft of a result, or why there is none."""
        if outcome.status or outcome.timed_out or outcome.excess:
            return None, "it failed"
        if observed is None or observed.doubts:
            return None, ", ".join(observed.doubts) if observed else "it could not be observed"
        try:
            read = reads.gathered(running.view, observed)
        except DoubtError as doubt:
            return None, str(doubt)
        wrote = self._wrote_state(running.view.var, outcome.invocation.label)
        after = self._scanned()
        if after is None or wrote:
            return None, wrote or "what it wrote cannot be sealed"
        delta = _without_leftovers(delta_of(running.scan, after))
        special = after.special - running.scan.special
        reason = f"/{min(special)}: no commit holds it so" if special else why_not(delta.paths)
        if reason or (reason := why_not_elsewhere(self.upper, delta)):
            return None, reason
        try:
            made = memos.draft(
                self.repo,
                key=running.key,
                label=outcome.invocation.label,
                reads=read,
                delta=delta,
                output=outcome.output,
            )
        except LayeringError as error:  # nothing that the tree itself is made of
            return None, f"it cannot be kept: {error}"
        forget_state(self.sandbox.var, running.view.var, self.watch.stamps)
        return made, ""

    def _wrote_state(self, before: Mapping[bytes, Stamp], label: str) -> str:
        self.watch.look(label)
        if reason := why_not_state(before, self.watch.stamps):
            return reason
        if self.watch.overflows or _shared(self.sandbox):
            return "it wrote more to /var than is looked at"
        return ""


def view_of(state: TreeState, sandbox: Sandbox, watch: Watch, leaves: frozenset[str]) -> View:
    """Returns what scripts see of a tree."""
    shape = Shape(links=dict(sandbox.links), tops=frozenset(sandbox.tops), etc=sandbox.etc)
    return View(state=state, shape=shape, var=watch.stamps, shared=_shared(sandbox), leaves=leaves)


def _eligible(invocation: Invocation) -> bool:
    return invocation.memo and not invocation.expand and invocation.query is None


def _shared(sandbox: Sandbox) -> bool:
    return sandbox.rpm_state.is_dir() and any(sandbox.rpm_state.iterdir())


def _without_leftovers(delta: Delta) -> Delta:
    kept = {path: checksum for path, checksum in delta.files.items() if not is_leftover(path)}
    return replace(delta, files=kept)
