"""A simulated disk: what it was not told to keep, it may forget.

    disk = SimulatedDisk()
    found = recover(disk.folder, disk, EPOCH)        # the log runs on it as on a real one
    found.log.append([line], 0)
    after = disk.after_crash(random.Random(7))       # the disk as a machine finds it after a power cut
    again = recover(after.folder, after, EPOCH)

The model
    A file's content   A write changes what processes read (the page cache). The disk has it for sure only after `sync` of that file. A
                       power cut before leaves of every 512-byte sector any version since the last sync, each sector for itself; a size that was
                       never synced is the old one, a later one, or one that ends with a sector between them; sectors that were not
                       written read as zeros.
    A folder's names   A file or folder made, renamed or removed is there (or gone) for processes at once, for the disk only after
                       `sync_folder` of its folder. A power cut before keeps any subset of these changes, later ones without earlier ones
                       too. A rename is atomic: both names or neither, also between two folders, where the sync of either makes it durable.
                       What happened to one file keeps its order. Syncing a file says nothing about its name; a folder lost takes all that
                       stands in it. Removing a tree is one change for every name in it.
    A kill -9          loses the process (its descriptors) and nothing else: the next process reads the page cache, synced or not.
    forget_cache       drops clean pages only: what is read next is the disk's, under what was not synced yet.
    A failed sync      marks the pages clean without having written them (or only some), as Linux does: the next sync succeeds, the process
                       still reads its own bytes, until the cache is dropped or the power goes.

What real disks do that this one does not: tear inside a sector (or rewrite 4096 bytes to change 512), lie about a flush, show another
file's old bytes in a sector never written, rot by themselves (`rot` does it for a test). What it does that most real ones do not: ext4,
XFS and btrfs keep folder changes in order, and a new file's name with its first sync; POSIX promises neither.
"""

import errno
import io
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from contest import Disk

SECTOR = 512
KINDS = [name for name in vars(Disk) if not name.startswith("_")]  # the kinds of operations


#: which of the changes that were not synced a power cut keeps: "none", "all", the oldest n of each file and of the names, or a part by chance
Keep = str | int | random.Random


class Crash(BaseException):
    """The power went. No `except Exception` may live through that."""


def changed(raw: bytes, at: int, data: bytes | None) -> bytes:
    """Content after a write at an offset, or with None, after its size was set."""
    before = raw[:at].ljust(at, b"\0")
    return before if data is None else before + data + raw[at + len(data):]


class Content:
    """A file: what processes read, what the disk surely holds, and the changes between the two."""

    def __init__(self, durable: bytes = b""):
        self.durable = self.cache = durable
        self.waiting: list[tuple[int, bytes | None]] = []  # as `changed` takes them

    def change(self, at: int, data: bytes | None) -> None:
        self.cache = changed(self.cache, at, data)
        self.waiting.append((at, data))

    def versions(self) -> list[bytes]:
        """What the disk may hold: the durable content, then that after each change since."""
        found = [self.durable]
        for at, data in self.waiting:
            found.append(changed(found[-1], at, data))
        return found

    def kept(self, keep: Keep) -> bytes:
        """What a power cut leaves of the changes, see Keep."""
        versions = self.versions()
        if not isinstance(keep, random.Random):
            return versions[{"none": 0, "all": -1}[keep] if isinstance(keep, str) else min(keep, len(versions) - 1)]
        if len(versions) == 1:
            return versions[0]
        sizes = {len(version) for version in versions}
        for old, new in itertools.pairwise(versions):
            sizes.update(range(-(-len(old) // SECTOR) * SECTOR, len(new), SECTOR))
        size = keep.choice(sorted(sizes))
        return b"".join(keep.choice(versions)[at:at + SECTOR].ljust(SECTOR, b"\0") for at in range(0, size, SECTOR))[:size]

    def settle(self) -> None:
        self.durable, self.waiting = self.versions()[-1], []

    def fail_to_settle(self, keep: Keep) -> None:
        self.durable = self.kept(keep)
        self.waiting = [(len(self.cache), None)] if len(self.cache) != len(self.durable) else []  # the size is the file's, not a page's

    def forget(self) -> None:
        self.cache = self.versions()[-1]


class Folder:
    """A folder: the names that processes see in it, and those that the disk surely has."""

    def __init__(self):
        self.seen: dict[str, Node] = {}
        self.safe: dict[str, Node] = {}


Node = Content | Folder


class Change:
    """Names that were set or taken away (None) in folders, at one stroke, and the files and folders that they led to."""

    def __init__(self, effects: "list[tuple[Folder, str, Node | None]]", nodes: "list[Node]"):
        self.effects, self.nodes = effects, nodes

    def touches(self, nodes: set[int]) -> bool:
        return any(id(node) in nodes for node in self.nodes)


class SimulatedDisk(Disk):
    """See the module. Also counts what is asked of it, ends at an operation, and fails on demand.

    folder      a durable, empty folder for the contest
    before      before(disk, kind): called ahead of every operation, for a test to take a copy or to raise
    crash_at    the operation, counted from 1, at which Crash is raised, and at every one after it
    room        bytes that writes still find room for; a write takes what fits, the next one is refused with ENOSPC. None: enough
    operations  how many there were; `calls` counts them by kind
    version     rises when anything changes that a crash or a process could see
    unsynced    names of files whose sync failed
    misused     uses of a descriptor that is not open, which in a real process may be another file's by now
    """

    def __init__(self, before: "Callable[[SimulatedDisk, str], None] | None" = None):
        self.folder = Path("/data")
        self.root, self.waiting = Folder(), []  # waiting: Changes of names that no sync_folder has made durable
        self.root.seen["data"] = self.root.safe["data"] = Folder()
        self.before, self.crash_at, self.room = before, 0, None
        self.open: dict[int, Content] = {}
        self._read_only: set[int] = set()  # descriptors
        self.operations, self.calls, self.version = 0, Counter(), 0
        self.misused: list[str] = []
        self.unsynced: list[str] = []
        self._failing: dict[tuple[str, int], tuple[OSError, Keep]] = {}
        self._failing_keep: Keep = "none"

    # What the world does to it.

    def fail(self, kind: str, nth: int = 1, number: int = errno.EIO, keep: Keep = "none") -> None:
        """Let the nth call of a kind from now fail with an errno; a sync that fails may still have written some sectors (`keep`)."""
        self._failing[kind, self.calls[kind] + nth] = OSError(number, os.strerror(number)), keep

    @property
    def failed(self) -> bool:
        """Whether every failure that was asked for has happened."""
        return not self._failing

    def rot(self, path: Path, at: int, data: bytes) -> None:
        """Let other bytes stand where durable ones stood."""
        content = self.files()[path]
        content.cache = content.durable = changed(content.durable, at, data)
        self.version += 1

    def files(self) -> dict[Path, Content]:
        """All files as processes see them."""
        def below(path: Path, folder: Folder) -> Iterator[tuple[Path, Content]]:
            for name, node in folder.seen.items():
                if isinstance(node, Content):
                    yield path / name, node
                else:
                    yield from below(path / name, node)
        return dict(below(Path("/"), self.root))

    def copy(self) -> "SimulatedDisk":
        """The same machine at the same moment, free to meet another fate. Descriptors, counts and failures stay behind."""
        twins: dict[int, Node] = {}

        def twin_of(node: Node | None) -> Node | None:
            if node is None or id(node) in twins:
                return twins.get(id(node))
            twin = twins[id(node)] = type(node)()
            if isinstance(node, Content):
                twin.durable, twin.cache, twin.waiting = node.durable, node.cache, list(node.waiting)
            else:
                twin.seen = {name: twin_of(child) for name, child in node.seen.items()}
                twin.safe = {name: twin_of(child) for name, child in node.safe.items()}
            return twin

        copy = type(self)()
        copy.root = twin_of(self.root)
        copy.waiting = [Change([(twin_of(folder), name, twin_of(node)) for folder, name, node in change.effects],
                               [twin_of(node) for node in change.nodes]) for change in self.waiting]
        return copy

    def after_kill(self) -> "SimulatedDisk":
        """As the next process finds it after a kill -9: everything that was written is read."""
        return self.copy()

    def after_crash(self, keep: Keep) -> "SimulatedDisk":
        """As the machine finds it after a power cut."""
        names: dict[int, dict[str, Node]] = {}  # of the folders that a change touches
        held_back: set[int] = set()
        kept = {"none": 0, "all": len(self.waiting)}.get(keep, keep) if not isinstance(keep, random.Random) else None
        for number, change in enumerate(self.waiting):
            if change.touches(held_back) or (keep.random() < 0.5 if kept is None else number >= kept):
                held_back.update(map(id, change.nodes))
            else:
                _apply(change, lambda folder: names.setdefault(id(folder), dict(folder.safe)))
        twins: dict[int, Node] = {}

        def left_of(node: Node) -> Node:
            if id(node) not in twins:
                if isinstance(node, Content):
                    twins[id(node)] = Content(node.kept(keep))
                else:
                    twin = twins[id(node)] = Folder()
                    twin.safe = {name: left_of(child) for name, child in names.get(id(node), node.safe).items()}
                    twin.seen = dict(twin.safe)
            return twins[id(node)]

        after = type(self)()
        after.root = left_of(self.root)
        return after

    def _step(self, kind: str) -> None:
        """Every operation begins here."""
        if self.before:
            self.before(self, kind)
        self.operations += 1
        if self.crash_at and self.operations >= self.crash_at:
            raise Crash(f"at operation {self.operations}, {kind}")
        self.calls[kind] += 1
        found = self._failing.pop((kind, self.calls[kind]), None)
        if found:
            self._failing_keep = found[1]
            raise found[0]

    def _find(self, path: Path) -> Node | None:
        node: Node | None = self.root
        for name in path.parts[1:]:
            if isinstance(node, Content):
                raise _error(errno.ENOTDIR, path)
            node = node.seen.get(name)
            if node is None:
                return None
        return node

    def _at(self, path: Path, kind: type = Content) -> Node:
        node = self._find(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        if not isinstance(node, kind):
            raise _error(errno.EISDIR if kind is Content else errno.ENOTDIR, path)
        return node

    def _change(self, effects: "list[tuple[Folder, str, Node | None]]", nodes: "list[Node]") -> None:
        self.waiting.append(Change(effects, nodes))
        _apply(self.waiting[-1], lambda folder: folder.seen)
        self.version += 1

    def _opened(self, content: Content) -> int:
        fd = next(number for number in range(3, 1000) if number not in self.open)  # the lowest, as the system does: it comes again soon
        self.open[fd] = content
        return fd

    def _content(self, fd: int, kind: str) -> Content:
        if fd in self._read_only and kind in ("write", "truncate"):
            raise _error(errno.EBADF if kind == "write" else errno.EINVAL)
        if fd not in self.open:
            self.misused.append(f"{kind} of descriptor {fd}")
            raise _error(errno.EBADF)
        return self.open[fd]

    # What is asked of it: the operations of contest.Disk.

    def open_append(self, path):
        self._step("open_append")
        if self._find(path) is None:
            made = Content()
            self._change([(self._at(path.parent, Folder), path.name, made)], [made])
        return self._opened(self._at(path))

    def open_read(self, path):
        self._step("open_read")
        fd = self._opened(self._at(path))
        self._read_only.add(fd)
        return fd

    def write(self, fd, data):
        self._step("write")
        content, data = self._content(fd, "write"), bytes(data)
        if self.room is not None:
            if data and not self.room:
                raise _error(errno.ENOSPC)
            data = data[:self.room]
            self.room -= len(data)
        content.change(len(content.cache), data)
        self.version += 1
        return len(data)

    def sync(self, fd):
        content = self.open.get(fd)
        try:
            self._step("sync")
        except OSError:
            if content:
                self.unsynced += [path.name for path, node in self.files().items() if node is content]
                content.fail_to_settle(self._failing_keep)
                self.version += 1
            raise
        self.version += bool(self._content(fd, "sync").waiting)
        content.settle()

    def sync_folder(self, path):
        self._step("sync_folder")
        folder = self._at(path, Folder)
        kept, nodes = [], set()
        for change in reversed(self.waiting):  # what happened to a file or folder earlier, elsewhere too, comes with it
            if any(one is folder for one, _, _ in change.effects) or change.touches(nodes):
                kept.append(change)
                nodes.update(map(id, change.nodes))
        for change in reversed(kept):
            _apply(change, lambda folder: folder.safe)
        self.waiting = [change for change in self.waiting if change not in kept]
        self.version += bool(kept)

    def forget_cache(self, fd):
        self._step("forget_cache")
        content = self._content(fd, "forget_cache")
        before = content.cache
        content.forget()
        self.version += content.cache != before

    def size(self, fd):
        self._step("size")
        return len(self._content(fd, "size").cache)

    def truncate(self, fd, size):
        self._step("truncate")
        self._content(fd, "truncate").change(size, None)
        self.version += 1

    def close(self, fd):
        try:
            self._step("close")
            self._content(fd, "close")
        finally:
            self.open.pop(fd, None)  # also a close that fails has closed
            self._read_only.discard(fd)

    def read(self, path):
        self._step("read")
        return self._at(path).cache

    def lines(self, path, start=0):
        self._step("lines")
        yield from io.BytesIO(self._at(path).cache[start:])

    def pieces(self, path, size=None):
        self._step("pieces")
        raw = self._at(path).cache[:size]
        yield from (raw[at:at + (1 << 20)] for at in range(0, len(raw), 1 << 20))

    def exists(self, path):
        self._step("exists")
        try:
            return self._find(path) is not None
        except NotADirectoryError:
            return False

    def names(self, folder):
        self._step("names")
        return sorted(self._at(folder, Folder).seen)

    def make_folder(self, path):
        self._step("make_folder")
        known = self._find(path)
        if isinstance(known, Content):
            raise _error(errno.EEXIST, path)
        if known is None:
            made = Folder()
            self._change([(self._at(path.parent, Folder), path.name, made)], [made])

    def link(self, old, new):
        self._step("link")
        node, folder = self._at(old), self._at(new.parent, Folder)
        if new.name in folder.seen:
            raise _error(errno.EEXIST, new)
        self._change([(folder, new.name, node)], [node])

    def rename(self, old, new):
        self._step("rename")
        node, target = self._find(old), self._find(new)
        if node is None:
            raise _error(errno.ENOENT, old)
        if target is not None and target is not node:
            if isinstance(target, Folder) != isinstance(node, Folder):
                raise _error(errno.EISDIR if isinstance(target, Folder) else errno.ENOTDIR, new)
            if isinstance(target, Folder) and target.seen:
                raise _error(errno.ENOTEMPTY, new)
        if target is not node:
            self._change([(self._at(old.parent, Folder), old.name, None), (self._at(new.parent, Folder), new.name, node)], [node])

    def remove(self, path):
        self._step("remove")
        if self._find(path) is not None:
            self._change([(self._at(path.parent, Folder), path.name, None)], [self._at(path)])

    def remove_tree(self, path):
        self._step("remove_tree")
        known = self._find(path)
        if known is None:
            return
        for name in list(self._at(path, Folder).seen):
            if isinstance(known.seen[name], Folder):
                self.remove_tree(path / name)
            else:
                self._step("remove_tree")
                self._change([(known, name, None)], [known.seen[name]])
        self._step("remove_tree")
        self._change([(self._at(path.parent, Folder), path.name, None)], [known])


def _apply(change: Change, names_of: Callable[[Folder], "dict[str, Node]"]) -> None:
    for folder, name, node in change.effects:
        if node is None:
            names_of(folder).pop(name, None)
        else:
            names_of(folder)[name] = node


def _error(number: int, path: Path | None = None) -> OSError:
    return OSError(number, os.strerror(number), *([str(path)] if path else []))
