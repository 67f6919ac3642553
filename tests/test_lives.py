"""A contest's lives by chance: submit, judge, checkpoint, backup, crash, restore, in any order, on the simulated disk."""

import itertools
import random

import gevent.threadpool
import orjson
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import contest as app
from contest import Refused, changed, recover
from tests.contests import command, photo
from tests.disk import Keep, SimulatedDisk

CRITERIA = [{"id": "technique", "name": "Technique", "weight": 1}]
moments = st.one_of(st.integers(1, 4), st.integers(1, 60))  # how many operations of the disk go by before it happens
#: what is left: "kill" is the process alone, else the power, see disk.Keep
keeps = st.one_of(st.sampled_from(["kill", "none", "all", 1]), st.integers(0, 9).map(random.Random))


class Desk(app.Desk):
    """Has its quiet moments when the test says so, so that a slow machine runs the same lives."""

    def _note_peace(self):
        pass

    def go_quiet(self):
        super()._note_peace()


class Lives(RuleBasedStateMachine):
    """One folder, one process after the other. The model: the state after each line of the history that is now true.

    states   {seq: state}, of lines that were acknowledged
    asked    {seq: command} of these lines
    backups  {name: (states, asked)} as they were then
    ordered  {epoch: (states, asked)} that a restore brings back under it
    """

    @initialize()
    def begin(self):
        self.pool, self.disk, self.desk = gevent.threadpool.ThreadPool(1), SimulatedDisk(), None
        self.epochs, self.epoch = (f"{number:032x}" for number in itertools.count(1)), ""
        self.states, self.asked = {0: app.State()}, {}
        self.backups, self.ordered = {}, {}
        app.Secret(self.disk.folder, self.disk)
        self.start()
        self.ask(command(app.AddCategory, fields={"name": "Sleeve", "criteria": CRITERIA}))
        for name in ("Ana", "Ben"):
            self.ask(command(app.InviteJudge, fields={"name": name, "role": "judge"}))
        self.ask(self.submission(0))

    def start(self, unknown: tuple[app.State, app.Command] | None = None) -> None:
        """As Server does it: a restore that was ordered, recovery, replay, then what the restore has to carry over.

        unknown   the state after a command that nobody was answered, and the command
        """
        app.finish_restore(self.disk, self.disk.folder)
        self.desk = Desk(recover(self.disk.folder, self.disk, next(self.epochs)), self.pool, lambda *told: None, lambda *passed: None)
        self.desk.replay()
        if (epoch := self.desk.state.epoch) != self.epoch:
            self.states, self.asked = self.ordered.get(epoch, (self.states, self.asked))
            self.epoch = epoch
        elif unknown and self.desk.state.seq == self.last + 1:
            self.states, self.asked = self.states | {self.last + 1: unknown[0]}, self.asked | {self.last + 1: unknown[1]}
        self.what_was_acknowledged_is_true()
        self.desk.start()
        if self.disk.exists(carried := self.disk.folder / "carry.json"):
            self.ask(app.RestoreContest(carried=orjson.loads(self.disk.read(carried)), by="admin", at=1, id=f"restore-{epoch}"))
            self.disk.remove(carried)

    def end(self) -> None:
        """The process is gone, in whatever it was."""
        if self.desk:
            self.desk._writer.kill()

    @property
    def last(self) -> int:
        return max(self.states)

    @staticmethod
    def same(one: app.State, other: app.State) -> bool:
        return changed(one, epoch="") == changed(other, epoch="")

    def ask(self, order: app.Command) -> None:
        """Submit a command; what was acknowledged is in the model from here on."""
        before = self.desk.state
        try:
            outcome = self.desk.submit(order)
        except Refused:
            assert self.desk.state is before
            return
        if outcome.new:
            assert outcome.seq == self.last + 1, "a number was left out or given twice"
            self.states, self.asked = self.states | {outcome.seq: self.desk.state}, self.asked | {outcome.seq: order}
        else:
            assert self.desk.state is before

    def interrupted(self, act, moment: int, keep: Keep) -> bool:
        """Do something, end the process at its nth operation, and start on what that left; False where it had ended before."""
        left = []

        def take(disk, kind):
            if disk.operations == first + moment:
                left.append(disk.copy())
        first, self.disk.before = self.disk.operations, take
        act()
        self.disk.before = None
        self.end()
        self.fall((left or [self.disk])[0], keep)
        return bool(left)

    def fall(self, disk: SimulatedDisk, keep: Keep) -> None:
        self.disk = disk.after_kill() if keep == "kill" else disk.after_crash(keep)

    entry = st.integers(101, 104)
    judge = st.sampled_from(["j1", "j2"])

    def submission(self, number: int) -> app.Command:
        fields = {"category": "sleeve", "collector": f"Zoë {number}" * 20, "artist": "Marta", "consent": True, "adult": True}
        return command(app.SubmitEntry, "public", fields=fields, photos=[photo(number)])

    def sheet(self, entry: int, judge: str, mark: float) -> app.Command:
        now = self.desk.state.after.get(entry, {}).get(judge) or self.desk.state.sheets.get(entry, {}).get(judge)
        return command(app.GiveSheet, f"judge:{judge}", entry=entry, judge=judge, marks={"technique": mark}, note="fine",
                       base=now.seq if now else None)

    @rule(number=st.integers(0, 99))
    def submit(self, number):
        self.ask(self.submission(number))

    @rule()
    def start_judging(self):
        self.ask(command(app.StartJudging, category="sleeve"))

    @rule(entry=entry, judge=judge, mark=st.sampled_from([1, 5.5, 10]))
    def judge_it(self, entry, judge, mark):
        self.ask(self.sheet(entry, judge, mark))

    @rule(judge=judge, number=st.integers(0, 99))
    def submit_and_revoke(self, judge, number):
        """What a restore must not give again or bring back."""
        self.ask(self.submission(number))
        self.ask(command(app.RevokeJudge, judge=judge))

    @precondition(lambda self: self.asked)
    @rule(chance=st.integers(0, 9))
    def send_again(self, chance):
        """A tap whose answer was lost, sent again however late, has no second effect."""
        self.ask(random.Random(chance).choice(list(self.asked.values())))

    @rule()
    def rotate(self):
        self.desk.log.must_begin = "size"

    @rule(forget=st.booleans())
    def checkpoint(self, forget):
        if forget:
            self.desk.forget_past()
        self.desk.snapshot(pause_seconds=0)

    @rule()
    def go_quiet(self):
        self.desk.go_quiet()

    @rule()
    def backup(self):
        name = app.make_backup(self.disk, self.disk.folder, *self.desk.log.mark(), "hand", keep=3)
        self.backups[name] = self.states, self.asked

    @rule()
    def stop_and_start(self):
        self.desk.stop()
        self.desk.log.close()
        self.start()

    @rule(keep=keeps)
    def crash(self, keep):
        self.end()
        self.fall(self.disk, keep)
        self.start()

    @rule(moment=st.integers(0, 2), keep=keeps, number=st.integers(0, 99))
    def crash_in_a_commit(self, moment, keep, number):
        """Nobody was answered: the line is there whole, or not at all."""
        judged = self.desk.state.categories["sleeve"].state == "judging"
        order = self.sheet(101, "j1", 1 + number / 2 % 9) if judged else self.submission(number)
        states, asked = self.states, self.asked
        interrupted, unknown = self.interrupted(lambda: self.ask(order), moment, keep), None
        if interrupted and self.states is not states:
            unknown, self.states, self.asked = (self.desk.state, order), states, asked
        self.start(unknown)

    @rule(moment=moments, keep=keeps)
    def crash_in_a_checkpoint(self, moment, keep):
        self.interrupted(lambda: self.desk.snapshot(pause_seconds=0), moment, keep)
        self.start()

    @rule(moment=moments, keep=keeps)
    def crash_in_a_backup(self, moment, keep):
        self.interrupted(self.backup, moment, keep)
        self.start()

    def there(self) -> list[str]:
        """The backups that can be restored."""
        return [name for name in app.backup_names(self.disk, self.disk.folder) if name in self.backups]

    def order(self, chance: random.Random) -> None:
        """Order the restore of some backup, to some seq."""
        name, epoch = chance.choice(self.there()), next(self.epochs)
        states, asked = self.backups[name]
        last = chance.choice([max(states), chance.randint(1, max(states))])
        self.ordered[epoch] = ({seq: states[seq] for seq in states if seq <= last}, {seq: asked[seq] for seq in asked if seq <= last})
        self.desk.pause("A backup is being restored.")
        app.prepare_restore(self.disk, self.disk.folder, self.disk.folder / "backups" / name, last, epoch, app.carried_over(self.desk.state))

    @precondition(lambda self: self.there())
    @rule(chance=st.integers(0, 99), moment=st.one_of(st.just(10_000), moments), keep=keeps)
    def restore(self, chance, moment, keep):
        """The old contest, or the restored one; whose link was dead stays dead, and no number is given twice."""
        before = self.desk.state
        whole = not self.interrupted(lambda: self.order(random.Random(chance)), moment, keep)
        self.start()
        assert (self.epoch != before.epoch) >= whole, "a restore that was ordered is done"
        assert self.desk.state.numbers == before.numbers
        judges = self.desk.state.judges
        assert all(judges[j.id].revoked for j in before.judges.values() if j.revoked and j.id in judges)

    @invariant()
    def what_was_acknowledged_is_true(self):
        assert self.desk.state.seq == self.last and self.same(self.desk.state, self.states[self.last])

    @invariant()
    def what_bears_a_backups_name_is_one(self):
        for name in app.backup_names(self.disk, self.disk.folder):
            app.check_backup(self.disk, self.disk.folder / "backups" / name)

    @invariant()
    def no_descriptor_is_misused(self):
        assert not self.disk.misused

    def teardown(self):
        self.end()
        self.pool.kill()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=150, stateful_step_count=50)
