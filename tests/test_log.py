"""The log: what is acknowledged is there after any crash; what a crash cannot explain is never passed over in silence."""

import errno
import os
import stat
from pathlib import Path

import orjson
import pytest

from contest import (
    ZERO_HASH, Disk, FolderInUse, FolderLock, Head, LogCorrupt, Reader, Refused, SyncFailed, chain, encode_line, parse_line,
    read_snapshot, recover, save_snapshot)

EPOCH = "ab" * 16
SALT = "cd" * 16


class Failing(Disk):
    """A real disk that fails on demand: `failing = {"sync": OSError(...)}`; a write may first take `room` bytes."""

    def __init__(self):
        self.failing: dict[str, OSError] = {}
        self.room = 10 ** 9

    def sync(self, fd):
        if "sync" in self.failing:
            raise self.failing["sync"]
        super().sync(fd)

    def truncate(self, fd, size):
        if "truncate" in self.failing:
            raise self.failing["truncate"]
        super().truncate(fd, size)

    def write(self, fd, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(fd, data[:self.room])
        self.room -= taken
        return taken


def opened(folder: Path, disk: Disk | None = None, **more):
    found = recover(folder, disk or Disk(), EPOCH, **more)
    found.log.begin()
    return found


def line(seq: int, batch: int | None = None, private: dict | None = None) -> tuple[bytes, bytes]:
    public = {"seq": seq, "batch": batch or seq, "at": 1, "type": "T", "by": "admin", "id": f"id-{seq}", "body": "", "events": []}
    return encode_line(public, private or {}, SALT)


def write(folder: Path, *batches: int) -> Path:
    """A log with batches of so many lines; returns its only segment. It ends in peace."""
    found = opened(folder)
    seq = found.log.head.seq
    for size in batches:
        found.log.append([line(seq + i + 1, seq + 1, {"0": {"collector": f"Zoë {seq + i + 1}"}}) for i in range(size)], seq)
        seq += size
    found.log.note_head()
    found.log.close()
    return found.log.path


def seqs(found) -> list[int]:
    return [each.public["seq"] for each in found.lines()]


def test_what_is_appended_is_read_again_with_its_private_part(tmp_path):
    write(tmp_path, 1, 3)
    found = opened(tmp_path)
    assert seqs(found) == [1, 2, 3, 4] and found.log.head.seq == 4
    assert list(found.lines())[2].private["0"] == {"collector": "Zoë 3"}
    assert [each.public["batch"] for each in found.lines()] == [1, 2, 2, 2]


def test_files_are_for_the_owner_only(tmp_path):
    path = write(tmp_path / "data", 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data" / "wal").stat().st_mode) == 0o700


def test_the_chain_is_as_the_document_says(tmp_path):
    """Read the file with nothing but hashlib and json, as a stranger would who has docs/log-format.md."""
    import hashlib
    import json
    previous = "0" * 32
    for number, raw in enumerate(write(tmp_path, 2).read_bytes().splitlines()):
        digest, rest = raw[:32].decode(), raw[33:].decode()
        public, end = json.JSONDecoder().raw_decode(rest)
        shown, hidden = rest[:end], rest[end + 1:]
        assert digest == hashlib.blake2b((previous + shown).encode(), digest_size=16).hexdigest()
        if number:
            assert public["private"] == hashlib.blake2b(hidden.encode(), digest_size=16).hexdigest()
        previous = digest


def test_a_new_segment_begins_after_an_unclean_end_and_the_chain_goes_on(tmp_path):
    write(tmp_path, 2)
    crashed = opened(tmp_path)
    crashed.log.append([line(3)], 2)  # HEAD still names seq 2
    crashed.log.close()
    found = opened(tmp_path)
    assert found.log.path.name == "wal-0000000000000004.jsonl"
    found.log.append([line(4)], 3)
    found.log.close()
    assert seqs(opened(tmp_path)) == [1, 2, 3, 4]


def test_a_start_after_a_start_that_wrote_nothing_reuses_its_empty_segment(tmp_path):
    write(tmp_path, 2)
    (tmp_path / "HEAD").unlink()
    for _ in range(3):
        opened(tmp_path).log.close()
    assert len(list((tmp_path / "wal").iterdir())) == 2


def test_a_segment_ends_at_its_size(tmp_path):
    found = opened(tmp_path, segment_bytes=400)
    for seq in range(1, 6):
        found.log.append([line(seq)], seq - 1)
    found.log.close()
    assert len(list((tmp_path / "wal").iterdir())) > 1
    assert seqs(opened(tmp_path)) == [1, 2, 3, 4, 5]


@pytest.mark.seconds(120)
def test_cut_at_every_byte_the_log_recovers_a_prefix_and_takes_more(tmp_path):
    """Every cut of the last batch: what was whole before it is there, and the next line can be appended and read again."""
    path = write(tmp_path / "whole", 1, 2)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(header, len(whole) + 1):
        folder = tmp_path / f"cut{cut}"
        (folder / "wal").mkdir(parents=True)
        (folder / "wal" / path.name).write_bytes(whole[:cut])
        found = opened(folder)
        kept = sum(end <= cut for end in ends) - 1
        assert seqs(found) == list(range(1, kept + 1)), cut
        torn = whole[ends[kept]:cut]
        kept_apart = list((folder / "quarantine").iterdir()) if (folder / "quarantine").exists() else []
        assert [p.read_bytes() for p in kept_apart] == ([torn] if torn else [])
        found.log.append([line(kept + 1)], kept)
        found.log.close()
        assert seqs(opened(folder)) == list(range(1, kept + 2)), cut


def test_a_cut_header_is_no_torn_tail(tmp_path):
    path = write(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(LogCorrupt):
        opened(tmp_path)


@pytest.mark.seconds(120)
def test_no_flipped_bit_is_passed_over_in_silence(tmp_path):
    """Each bit of a log of three batches: the start is refused, or all but the very last batch is whole, never a changed line."""
    path = write(tmp_path / "whole", 1, 1, 1)
    whole, originals = path.read_bytes(), opened(tmp_path / "whole")
    originals.log.close()
    wanted = [each.public for each in originals.lines()]
    folder = tmp_path / "flipped"
    (folder / "wal").mkdir(parents=True)
    for bit in range(0, len(whole) * 8):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        for old in (folder / "wal").iterdir():
            old.unlink()
        (folder / "wal" / path.name).write_bytes(broken)
        try:
            found = opened(folder)
        except LogCorrupt:
            continue
        found.log.close()
        got = [each.public for each in found.lines()]
        assert got == wanted[:len(got)] and len(got) >= 2, bit


def test_head_guards_the_last_batch(tmp_path):
    path = write(tmp_path, 1, 1)
    raw = path.read_bytes()
    path.write_bytes(raw[:raw.rindex(b"\n", 0, -1) + 1])
    before = path.read_bytes()
    with pytest.raises(LogCorrupt, match="seq 2"):
        opened(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["deleted", "doubled", "swapped", "forged", "zeroed"])
def test_damage_in_the_middle_ends_the_start_and_changes_nothing(tmp_path, damage):
    path = write(tmp_path, 1, 1, 1, 1)
    (tmp_path / "HEAD").unlink()
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "deleted":
        del lines[2]
    elif damage == "doubled":
        lines.insert(2, lines[2])
    elif damage == "swapped":
        lines[1], lines[2] = lines[2], lines[1]
    elif damage == "forged":
        lines[2] = lines[2].replace(b'"admin"', b'"judge"')
    else:
        lines[2] = b"\0" * (len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(LogCorrupt, match="seq 2|seq 1|seq 3"):
        opened(tmp_path)
    assert path.read_bytes() == b"".join(lines) and not (tmp_path / "quarantine").exists()


def test_a_missing_segment_is_damage(tmp_path):
    write(tmp_path, 2)
    (tmp_path / "HEAD").unlink()
    crashed = opened(tmp_path)
    crashed.log.append([line(3)], 2)
    crashed.log.close()
    (tmp_path / "wal" / "wal-0000000000000001.jsonl").unlink()
    with pytest.raises(LogCorrupt, match="segment before it is missing"):
        opened(tmp_path)


def test_a_log_that_is_gone_is_damage_where_head_names_one(tmp_path):
    write(tmp_path, 1).unlink()
    with pytest.raises(LogCorrupt, match="there is none"):
        opened(tmp_path)


def test_a_full_disk_keeps_nothing_of_the_batch_and_goes_on_when_there_is_room(tmp_path):
    disk = Failing()
    found = opened(tmp_path, disk)
    found.log.append([line(1)], 0)
    size = found.log.path.stat().st_size
    disk.room = 40
    with pytest.raises(Refused) as no:
        found.log.append([line(2)], 1)
    assert (no.value.code, no.value.status) == ("disk_full", 507)
    assert found.log.path.stat().st_size == size and found.log.head.seq == 1
    disk.room = 10 ** 6
    found.log.append([line(2)], 1)
    found.log.close()
    assert seqs(opened(tmp_path)) == [1, 2]


def test_a_failed_sync_is_final(tmp_path):
    disk = Failing()
    found = opened(tmp_path, disk)
    disk.failing["sync"] = OSError(errno.EIO, "Input/output error")
    with pytest.raises(SyncFailed):
        found.log.append([line(1)], 0)
    assert found.log.head.seq == 0


def test_a_half_written_line_that_cannot_be_taken_back_is_final(tmp_path):
    disk = Failing()
    found = opened(tmp_path, disk)
    disk.room, disk.failing["truncate"] = 10, OSError(errno.EIO, "Input/output error")
    with pytest.raises(SyncFailed):
        found.log.append([line(1)], 0)


def test_recovery_trusts_nothing_it_could_not_sync(tmp_path):
    write(tmp_path, 1)
    disk = Failing()
    disk.failing["sync"] = OSError(errno.EIO, "Input/output error")
    with pytest.raises(SyncFailed):
        opened(tmp_path, disk)


def test_appending_behind_another_head_is_refused(tmp_path):
    found = opened(tmp_path)
    with pytest.raises(LogCorrupt):
        found.log.append([line(8)], 7)


def test_a_line_over_a_mebibyte_or_with_broken_text_is_refused_before_anything_is_written():
    with pytest.raises(Refused) as no:
        encode_line({"seq": 1, "events": ["x" * (1 << 20)]}, {}, SALT)
    assert no.value.status == 413
    with pytest.raises(Refused):
        encode_line({"seq": 1}, {"0": {"collector": "\ud800"}}, SALT)


def test_a_line_is_cut_where_its_private_part_begins_whatever_people_type():
    nasty = '"} {"salt":"'
    shown, hidden = encode_line({"seq": 1, "x": nasty}, {"0": {"collector": nasty}}, SALT)
    digest = chain(ZERO_HASH, shown)
    read = parse_line(digest.encode() + b" " + shown + b" " + hidden, ZERO_HASH)
    assert read.public["x"] == nasty and read.private["0"]["collector"] == nasty


def test_a_private_part_that_was_changed_is_damage():
    shown, hidden = encode_line({"seq": 1}, {"0": {"artist": "Marta"}}, SALT)
    raw = chain(ZERO_HASH, shown).encode() + b" " + shown + b" " + hidden.replace(b"Marta", b"Maria")
    with pytest.raises(ValueError, match="private"):
        parse_line(raw, ZERO_HASH)


def test_a_private_part_that_nobody_erased_may_not_be_missing(tmp_path):
    path = write(tmp_path, 1, 1)
    lines = path.read_bytes().splitlines()
    lines[1] = lines[1][:lines[1].index(b' {"salt"')]
    path.write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "HEAD").unlink()
    with pytest.raises(LogCorrupt, match="seq 1 is missing"):
        opened(tmp_path)
    (tmp_path / "erased.json").write_bytes(b"[1]")
    assert seqs(opened(tmp_path)) == [1, 2]


@pytest.mark.parametrize("second, third", [(2, 1), (3, 3)])
def test_a_batch_that_falls_or_is_ahead_of_its_line_is_damage_though_every_hash_fits(tmp_path, second, third):
    found = opened(tmp_path)
    found.log.append([line(1), line(2, second), line(3, third)], 0)
    found.log.append([line(4)], 3)  # a later batch: what is wrong before it is no torn write
    found.log.close()
    with pytest.raises(LogCorrupt, match="its number does not follow"):
        opened(tmp_path)


# Snapshots.

def recover_line(folder: Path, seq: int):
    return next(line for *_, line in Reader(Disk(), folder) if line.public["seq"] == seq)


def snapshot(folder: Path, seq: int):
    found = opened(folder)
    digest = recover_line(folder, seq).hash
    save_snapshot(Disk(), folder, Head(found.log.head.epoch, seq, digest), [("seq", seq)])
    found.log.note_head()
    found.log.close()


def test_three_snapshots_are_kept_and_the_newest_is_used(tmp_path):
    write(tmp_path, *[1] * 6)
    for seq in (1, 2, 3, 4, 5):
        snapshot(tmp_path, seq)
    assert sorted(p.name[-8:-5] for p in (tmp_path / "snapshots").iterdir()) == ["003", "004"]
    found = opened(tmp_path)
    assert found.snapshot[0].seq == 5 and list(found.snapshot[1]) == [["seq", 5]]


def test_a_damaged_snapshot_costs_only_time(tmp_path):
    write(tmp_path, 1, 1, 1)
    snapshot(tmp_path, 1)
    snapshot(tmp_path, 2)
    raw = (tmp_path / "contest.json").read_bytes()
    (tmp_path / "contest.json").write_bytes(raw.replace(b'"seq",2', b'"seq",3'))
    with pytest.raises(ValueError):
        read_snapshot(Disk(), tmp_path / "contest.json")
    assert opened(tmp_path).snapshot[0].seq == 1


class Sips(Disk):
    """Reads in pieces of a few bytes, so that everything lies across the edge of two."""

    def __init__(self, size: int):
        self.sip = size

    def pieces(self, path, size=None):
        for piece in super().pieces(path, size):
            yield from (piece[at:at + self.sip] for at in range(0, len(piece), self.sip))


@pytest.mark.parametrize("size", [1, 7, 45, 46, 47, 100])
def test_a_snapshot_is_checked_alike_whatever_the_pieces_that_it_is_read_in(tmp_path, size):
    parts, head = [["rules", {"name": "Ink & Rose"}], ["ids", [[1], []]], ["seq", 7]], Head("e" * 32, 7, "f" * 32)
    save_snapshot(Sips(size), tmp_path, head, parts)
    found, read = read_snapshot(Sips(size), tmp_path / "contest.json")
    assert found == head and list(read) == parts
    raw = (tmp_path / "contest.json").read_bytes()
    for at in range(len(raw)):
        (tmp_path / "contest.json").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:])
        with pytest.raises(ValueError, match="contest.json is damaged"):
            read_snapshot(Sips(size), tmp_path / "contest.json")


def test_a_snapshot_that_is_not_on_this_chain_is_not_used(tmp_path):
    write(tmp_path / "a", 1, 1)
    snapshot(tmp_path / "a", 2)
    other = opened(tmp_path / "b")
    other.log.append([line(1)], 0)
    other.log.append([line(2, private={"0": {"artist": "X"}})], 1)
    other.log.close()
    (tmp_path / "a" / "contest.json").rename(tmp_path / "b" / "contest.json")
    assert opened(tmp_path / "b").snapshot is None


# The folder.

def test_two_writers_cannot_hold_one_folder_also_through_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "data")
    first = FolderLock(tmp_path / "data", "http://127.0.0.1:8000")
    with pytest.raises(FolderInUse, match=f"process {os.getpid()} http://127.0.0.1:8000"):
        FolderLock(tmp_path / "other", "")
    first.release()
    FolderLock(tmp_path / "other", "").release()


def test_a_head_that_cannot_be_read_is_said(tmp_path):
    write(tmp_path, 1)
    (tmp_path / "HEAD").write_bytes(b"{")
    with pytest.raises(LogCorrupt, match="HEAD"):
        opened(tmp_path)


def test_head_is_json_that_names_the_end(tmp_path):
    path = write(tmp_path, 2)
    head = orjson.loads((tmp_path / "HEAD").read_bytes())
    assert (head["seq"], head["segment"], head["size"]) == (2, path.name, path.stat().st_size)


# Lines whose hash is right, of a program that wrote nonsense or of somebody who counted it anew: the rest is checked too.

def rechained(path: Path, number: int, old: bytes, new: bytes) -> None:
    """Change a line of a segment (0: the header) and give it and all behind it the hashes that follow."""
    previous, lines = ZERO_HASH, []
    for at, raw in enumerate(path.read_bytes().splitlines()):
        shown, _, hidden = raw[33:].partition(b' {"salt"')
        if at == number:
            assert old in shown
            shown = shown.replace(old, new)
        previous = chain(previous, shown)
        lines.append(previous.encode() + b" " + shown + (b' {"salt"' + hidden if hidden else b""))
    path.write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize("number, old, new, said", [
    (0, b'"contest":1', b'"contest":2', "version"),
    (0, b'"first":1', b'"first":2', "header does not follow"),
    (2, b'"seq":2,"batch":2', b'"seq":7,"batch":2', "number does not follow"),
    (2, b'"seq":2,"batch":2', b'"seq":1,"batch":1', "number does not follow"),
    (3, b'"seq":3,"batch":3', b'"seq":3,"batch":1', "number does not follow"),
    (3, b'"seq":3,"batch":3', b'"seq":3,"batch":4', "number does not follow")])
def test_a_line_that_says_what_cannot_be_is_damage_though_its_hash_is_right(tmp_path, number, old, new, said):
    path = write(tmp_path, 1, 1, 1, 1)
    (tmp_path / "HEAD").unlink()
    rechained(path, number, b"", b"")
    assert seqs(opened(tmp_path)) == [1, 2, 3, 4]
    for empty in (tmp_path / "wal").glob("*5.jsonl"):
        empty.unlink()
    rechained(path, number, old, new)
    before = path.read_bytes()
    with pytest.raises(LogCorrupt, match=said):
        opened(tmp_path)
    assert path.read_bytes() == before


def test_a_segment_that_says_another_hash_for_the_line_before_it_is_damage(tmp_path):
    path = write(tmp_path, 2)
    rechained(path, 0, b'"previous":"0', b'"previous":"1')
    with pytest.raises(LogCorrupt, match="header does not follow"):
        opened(tmp_path)


def test_bytes_behind_the_end_of_an_older_segment_are_damage_and_no_torn_write(tmp_path):
    path = write(tmp_path, 2)
    (tmp_path / "HEAD").unlink()
    opened(tmp_path).log.close()
    path.write_bytes(path.read_bytes() + b"0123456789abcdef")
    with pytest.raises(LogCorrupt, match="seq 3 is damaged"):
        opened(tmp_path)
    assert path.read_bytes().endswith(b"0123456789abcdef") and not (tmp_path / "quarantine").exists()


def test_a_head_of_another_epoch_says_nothing_about_this_log(tmp_path):
    write(tmp_path, 2)
    head = orjson.loads((tmp_path / "HEAD").read_bytes())
    (tmp_path / "HEAD").write_bytes(orjson.dumps(head | {"epoch": "ef" * 16, "seq": 99}))
    assert seqs(opened(tmp_path)) == [1, 2]


def test_a_private_part_may_be_missing_where_a_later_line_says_that_it_was_erased(tmp_path):
    """Without erased.json too: it is lost, or its write was cut short."""
    path = write(tmp_path, 1, 1)
    lines = path.read_bytes().splitlines()
    lines[1] = lines[1][:lines[1].index(b' {"salt"')]
    path.write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "HEAD").unlink()
    public = {"seq": 3, "batch": 3, "at": 1, "type": "ErasePerson", "by": "admin", "id": "id-3", "body": "",
              "events": [{"type": "PersonErased", "entry": 101, "lines": [1]}]}
    shown, _ = encode_line(public, {}, SALT)
    path.write_bytes(path.read_bytes() + chain(lines[-1][:32].decode(), shown).encode() + b" " + shown + b"\n")
    assert seqs(opened(tmp_path)) == [1, 2, 3]
