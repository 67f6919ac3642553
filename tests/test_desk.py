"""The door from command to fact: in order, durable before visible, once each."""

import errno
import os
import secrets
from pathlib import Path

import gevent
import gevent.event
import gevent.threadpool
import pytest

import contest as app
from contest import Refused
from tests.contests import command
from tests.test_log import Failing


class Open:
    """A desk on a folder, and all it told."""

    def __init__(self, folder: Path, disk=None, settings=None):
        self.told: list[tuple[int, str]] = []
        self.passed_over: list[int] = []
        self.fatal = gevent.event.AsyncResult()
        self.pool = gevent.threadpool.ThreadPool(1)
        self.disk = disk or app.Disk()
        recovered = app.recover(folder, self.disk, secrets.token_hex(16))
        self.desk = app.Desk(recovered, self.pool, self._publish, lambda seq, hash8: self.passed_over.append(seq), self.fatal.set)
        self.desk.replay()
        self.held = list(self.told)
        self.desk.start()

    def _publish(self, seq, hash8, told, age):
        assert self.desk.state.seq == seq, "published before the committed state had moved"
        self.told.append((seq, hash8))

    def close(self):
        self.desk.stop()
        self.desk.log.close()
        self.pool.kill()


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(folder=tmp_path / "data", **more) -> Open:
        made.append(Open(folder, **more))
        return made[-1]
    yield open_
    for one in made:
        if not one.desk.stopped:
            one.close()


def add(name="Sleeve", **more):
    return command(app.AddCategory, fields={"name": name}, **more)


def test_a_command_is_durable_folded_and_published_before_it_is_answered(opened, tmp_path):
    one = opened()
    outcome = one.desk.submit(add())
    assert (outcome.seq, outcome.kind, outcome.key, outcome.new) == (1, "category", "sleeve", True)
    assert "sleeve" in one.desk.state.categories and [seq for seq, _ in one.told] == [1]
    assert b"CategoryAdded" in one.desk.log.path.read_bytes()


def test_many_at_once_are_one_batch_in_the_order_they_came(opened):
    one = opened()
    waiting = [gevent.spawn(one.desk.submit, add(f"C{i:02d}")) for i in range(20)]
    gevent.joinall(waiting, timeout=15, raise_error=True)
    assert [w.value.seq for w in waiting] == list(range(1, 21))
    batches = [fact["batch"] for fact in lines(one)]
    assert len(set(batches)) < 20 and batches == sorted(batches)


def lines(one: Open) -> list[dict]:
    import orjson
    raw = one.desk.log.path.read_bytes().splitlines()[1:]
    return [orjson.loads(each[33:].split(b' {"salt"')[0]) for each in raw]


def test_each_command_of_a_batch_is_decided_on_what_those_before_it_did(opened):
    one = opened()
    waiting = [gevent.spawn(one.desk.submit, add(name)) for name in ("Sleeve", "Sleeve!", "sleeve", "Sleeve?")]
    gevent.joinall(waiting, timeout=15)
    assert sorted(one.desk.state.categories) == ["sleeve", "sleeve-2", "sleeve-3"]
    assert [each.exception and each.exception.code for each in waiting] == [None, None, "name_taken", None]


def test_a_refused_command_leaves_the_others_of_its_batch_alone(opened):
    one = opened()
    good, bad = gevent.spawn(one.desk.submit, add()), gevent.spawn(one.desk.submit, command(app.DeleteCategory, category="nose"))
    gevent.joinall([good, bad], timeout=15)
    assert good.value.new and bad.exception.code == "no_such_category" and one.desk.state.seq == 1


def test_a_repeated_tap_counts_once_also_in_one_batch_and_after_a_restart(opened, tmp_path):
    one = opened()
    waiting = [gevent.spawn(one.desk.submit, add(id="tap-00000001", body="b")) for _ in range(3)]
    gevent.joinall(waiting, timeout=15, raise_error=True)
    assert sorted(w.value.new for w in waiting) == [False, False, True] and one.desk.state.seq == 1
    one.close()
    two = opened()
    again = two.desk.submit(add(id="tap-00000001", body="b"))
    assert not again.new and again.key == "sleeve" and two.desk.state.seq == 1
    with pytest.raises(Refused) as no:
        two.desk.submit(add("Other", id="tap-00000001", body="c"))
    assert (no.value.code, no.value.status) == ("id_reuse", 409)


def test_a_refusal_is_not_remembered(opened):
    one = opened()
    with pytest.raises(Refused):
        one.desk.submit(command(app.StartJudging, category="sleeve", id="tap-00000002"))
    one.desk.submit(add())
    assert one.desk.submit(command(app.StartJudging, category="sleeve", id="tap-00000002")).new


def test_a_full_disk_refuses_with_507_serves_reads_and_goes_on_by_itself(opened):
    disk = Failing()
    one = opened(disk=disk)
    one.desk.submit(add())
    disk.room = 10
    with pytest.raises(Refused) as no:
        one.desk.submit(add("Back"))
    assert no.value.status == 507 and one.desk.read_only and "back" not in one.desk.state.categories and len(one.told) == 1
    disk.room = 10 ** 6
    assert one.desk.submit(add("Back")).seq == 2 and not one.desk.read_only


def test_a_full_disk_is_forgotten_in_a_quiet_moment_once_there_is_room_though_nobody_asks(opened):
    disk = Failing()
    one = opened(disk=disk)
    disk.room = 10
    with pytest.raises(Refused):
        one.desk.submit(add())
    gevent.sleep(2.5)  # a quiet moment without room
    assert one.desk.read_only
    disk.room = 10 ** 6
    with gevent.Timeout(15):
        while one.desk.read_only:
            gevent.sleep(0.05)
    assert one.desk.submit(add()).seq == 1


class ReadOnly(app.Disk):
    """A real disk that is mounted so that nobody may write."""

    writable = False

    def open_append(self, path):
        if not self.writable:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return super().open_append(path)


@pytest.mark.parametrize("ended_in_peace", [True, False])
def test_a_disk_that_cannot_be_written_at_the_start_serves_reads_and_says_why_until_it_can(opened, tmp_path, ended_in_peace):
    one = opened()
    one.desk.submit(add())
    one.close()
    if not ended_in_peace:
        (tmp_path / "data" / "HEAD").unlink()
    disk = ReadOnly()
    two = opened(disk=disk)
    assert "sleeve" in two.desk.state.categories and "Read-only" in two.desk.read_only
    with pytest.raises(Refused) as no:
        two.desk.submit(add("Back"))
    assert no.value.status == 507
    disk.writable = True
    assert two.desk.submit(add("Back")).seq == 2 and not two.desk.read_only


def test_a_failed_sync_says_unknown_and_ends_the_server(opened):
    disk = Failing()
    one = opened(disk=disk)
    disk.failing["sync"] = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(Refused) as no:
        one.desk.submit(add())
    assert (no.value.code, no.value.status) == ("outcome_unknown", 503)
    assert one.fatal.get(timeout=15).exit_code == 74
    assert not one.told and one.desk.state.seq == 0
    del disk.failing["sync"]
    with pytest.raises(Refused):
        one.desk.submit(add())


def test_a_fault_in_one_command_does_not_stop_the_desk(opened, capfd):
    one = opened()

    class Strange(app.Command):
        pass
    with pytest.raises(TypeError):
        one.desk.submit(Strange(by="admin", at=1, id="strange-1"))
    assert one.desk.submit(add()).new
    assert "no rule for Strange" in capfd.readouterr().err


def test_a_restart_tells_again_what_is_recent_with_the_same_hashes(opened):
    one = opened()
    for name in ("A", "B"):
        one.desk.submit(command(app.AddCategory, at=int(__import__("time").time() * 1000), fields={"name": name}))
    state, told = one.desk.state, one.told
    one.close()
    two = opened()
    assert two.held == told and two.desk.state == state


def test_what_is_too_old_is_passed_over_at_start(opened):
    one = opened()
    one.desk.submit(add(at=1))
    one.close()
    assert opened().passed_over == [1]


def test_a_snapshot_lies_behind_and_the_state_is_the_same_with_and_without(opened, tmp_path):
    one = opened()
    for i in range(5):
        one.desk.submit(add(f"C{i}"))
    one.desk.forget_past()  # as after five minutes: the oldest remembered state is not the empty one
    state = one.desk.state
    one.close()
    assert (tmp_path / "data" / "contest.json").exists()
    two = opened()
    assert two.desk.base.seq == 5 and two.desk.state == state and two.told == []
    two.close()
    (tmp_path / "data" / "contest.json").unlink()
    assert opened().desk.state == state


def test_a_repeat_of_a_command_from_before_the_snapshot_is_known_and_its_id_cannot_be_used_for_another(opened):
    one, asked = opened(), add(body="0123456789abcdef")
    first = one.desk.submit(asked)
    one.desk.submit(add("Back", body=""))
    one.desk.forget_past()
    one.close()
    two = opened()
    assert two.desk.base.seq == 2 and two.held == []
    again = two.desk.submit(asked)
    assert (again.kind, again.key, again.seq, again.new) == (first.kind, first.key, 2, False)
    with pytest.raises(Refused) as no:
        two.desk.submit(add("Neck", id=asked.id, body="fedcba9876543210"))
    assert no.value.code == "id_reuse" and two.desk.state.seq == 2


def test_a_fault_in_telling_does_not_stop_the_desk(opened, capfd):
    one = opened()
    one.desk._publish = lambda *_: 1 / 0
    assert one.desk.submit(add()).new and one.passed_over == [1]
    assert one.desk.submit(add("Back")).seq == 2
    assert "ZeroDivisionError" in capfd.readouterr().err
