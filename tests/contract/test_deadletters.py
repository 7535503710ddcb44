"""Messages that nobody can read: kept with their cause, off their queue, and sent again when asked."""

from __future__ import annotations

from typing import Any

import pytest

from ludus.kernel import deadletter
from ludus.kernel.topology import CONSUMERS, DEADLETTERS, TICKETS, TRAIN_POOL

BusFactory = Any

SIMULATOR = CONSUMERS["simulator"]


async def test_a_buried_message_is_kept_with_its_cause_and_can_be_sent_again(bus: BusFactory) -> None:
    connected = await bus()
    puller = await connected.puller(SIMULATOR, TRAIN_POOL)
    await connected.publish(TICKETS, b"\xff\xff", token=TRAIN_POOL, msg_id="poison")
    (delivery,) = await puller.fetch(1, 5)
    await deadletter.bury(connected, delivery, "not a ticket")
    await deadletter.bury(connected, delivery, "not a ticket")  # a second delivery of the same message

    ((number, letter),) = await deadletter.letters(connected, 10)
    assert (letter.cause, letter.data, letter.subject) == ("not a ticket", b"\xff\xff", delivery.subject)
    assert await puller.fetch(1, 0.3) == []

    assert await deadletter.requeue(connected, await deadletter.letter(connected, number)) is TICKETS
    (again,) = await puller.fetch(1, 5)
    assert (again.data, again.subject) == (delivery.data, delivery.subject)


async def test_what_cannot_be_sent_again_is_said(bus: BusFactory) -> None:
    connected = await bus()
    with pytest.raises(LookupError, match="no dead letter 7"):
        await deadletter.letter(connected, 7)
    with pytest.raises(ValueError, match="no subject of the run"):
        await deadletter.requeue(connected, deadletter.DeadLetter(subject="ludus.other.ticket.train"))
    with pytest.raises(ValueError, match="too many to be kept"):
        await deadletter.requeue(connected, deadletter.DeadLetter(subject="ludus.x.ticket.train", size_bytes=9))


async def test_the_number_of_letters_is_bounded(bus: BusFactory) -> None:
    connected = await bus()
    info = await connected.stream_info(DEADLETTERS)
    assert (info["config"]["max_msgs"], info["config"]["discard"]) == (250, "old")
