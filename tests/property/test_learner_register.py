"""The list of checkpoints: whoever moves signed ones about never makes a learner go on from one that was let go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ludus.learner.register import Overtaken, Register, name_of, place_of

KEPT = 2


class Swapping(RuleBasedStateMachine):
    """A learner that saves, is killed, is rolled back and lets go, and somebody who has a copy of all it ever wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.register = Register()
        self.epoch, self.step = 1, 0
        self.written: dict[str, str] = {}
        """digest by name: all that were ever signed"""
        self.folder: dict[str, str] = {}
        self.let_go: set[str] = set()
        self.pending: set[str] = set()
        """written by a learner that was killed before it could enter them"""

    def believed(self) -> list[str]:
        """What a learner would go on from, newest first."""
        found = [n for n, digest in self.folder.items() if not self.register.objection(n, digest, own_key=True)]
        genuine = [name for name in found if self.written.get(name) == self.folder[name]]  # the signature names it
        return sorted(genuine, key=place_of, reverse=True)

    def _write(self) -> str:
        self.step += 1
        name = name_of((self.epoch, self.step))
        self.folder[name] = self.written[name] = f"digest of {name}"
        return name

    @rule()
    def save(self) -> None:
        name = self._write()
        surplus = sorted(self.folder, key=place_of, reverse=True)[KEPT:]
        self.register = self.register.entered(name, self.folder[name], surplus)
        self.pending.clear()
        for one in surplus:
            del self.folder[one]
            self.let_go.add(one)

    @rule()
    def killed_before_it_was_entered(self) -> None:
        self.pending.add(self._write())
        self.resume()

    @rule()
    def resume(self) -> None:
        if names := self.believed():
            self.step = place_of(names[0])[1]
            if place_of(names[0]) >= self.register.newest:
                self.register = self.register.entered(names[0], self.folder[names[0]])
                self.pending.discard(names[0])
        self.epoch += 1

    @precondition(lambda self: self.written)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(sorted(self.written)))
        name = data.draw(st.sampled_from([source, *sorted(self.folder), name_of((self.epoch, self.step + 1))]))
        self.folder[name] = self.written[source]

    @precondition(lambda self: self.folder)
    @rule(data=st.data())
    def take_away(self, data: st.DataObject) -> None:
        del self.folder[data.draw(st.sampled_from(sorted(self.folder)))]

    @invariant()
    def nothing_that_was_let_go_is_believed(self) -> None:
        assert not (self.let_go - self.pending) & set(self.believed())

    @invariant()
    def what_is_believed_is_listed_or_newer_than_the_list(self) -> None:
        for name in self.believed():
            assert name in self.register.digests or place_of(name) >= self.register.newest


Swapping.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSwapping = Swapping.TestCase

names = st.tuples(st.integers(0, 99), st.integers(0, 10**6)).map(name_of)


@given(st.dictionaries(names, st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=8))
def test_the_list_survives_the_key_value_store(digests: dict[str, str]) -> None:
    register = Register()
    for name in sorted(digests, key=place_of):
        register = register.entered(name, digests[name])
    assert Register.from_bytes(register.to_bytes()) == register
    assert name_of(register.newest) == max(digests, key=place_of)


@given(st.binary(max_size=200) | st.just(b"[" * 100_000) | st.just(b'{"newest": "1", "digests": {}}'))
def test_bytes_that_are_no_list(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a list of checkpoints"):
        Register.from_bytes(data)


def test_a_learner_of_an_earlier_epoch_enters_nothing() -> None:
    register = Register().entered("1-5", "a").entered("2-3", "b")
    with pytest.raises(Overtaken):
        register.entered("1-6", "c")
    assert register.entered("1-5", "a") == register, "what it has entered before is no news"
