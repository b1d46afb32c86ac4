"""The binding room's questions as a front end asks them."""

from __future__ import annotations

import pytest

from port_linker.binding import commands as cmd
from port_linker.binding.conflict import ALLOW, KILL, REMAP, SKIP
from port_linker.model import Proto, Service, ServiceId
from port_linker.session.wording import to_question

SERVICE = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0)


@pytest.mark.parametrize("words", [(KILL, REMAP, SKIP), (REMAP, SKIP), (ALLOW, SKIP)])
def test_each_choice_has_a_key_of_its_own_and_skip_is_the_default(words: tuple[str, ...]) -> None:
    kind = cmd.QuestionKind.CONFLICT
    question = to_question(cmd.Question("q1", kind, SERVICE, "Port 80 is held.", words))
    assert question.service == "tcp/127.0.0.1:80"
    assert len({choice.key for choice in question.choices}) == len(words)
    for choice in question.choices:
        assert question.word_of(choice.key) == choice.word
    assert question.word_of("") == SKIP
