"""The questions of the room `ports` as a front end asks them."""

from __future__ import annotations

import pytest

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports import commands as cmd
from port_linker.ports.policy import ALLOW, KILL, REMAP, SKIP
from port_linker.ports.types import PortHolder
from port_linker.session.wording import explain_kill, to_question

SERVICE = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0)


@pytest.mark.parametrize("words", [(KILL, REMAP, SKIP), (REMAP, SKIP), (ALLOW, SKIP)])
def test_each_choice_has_a_key_of_its_own_and_skip_is_the_default(words: tuple[str, ...]) -> None:
    kind = cmd.QuestionKind.CONFLICT
    question = to_question(cmd.PortQuestion("q1", kind, SERVICE, "Port 80 is held.", words))
    assert question.service == "tcp/127.0.0.1:80"
    assert len({choice.key for choice in question.choices}) == len(words)
    for choice in question.choices:
        assert question.word_of(choice.key) == choice.word
    assert question.word_of("") == SKIP


def test_who_is_killed_is_named_before_the_yes() -> None:
    node = PortHolder(pid=71, command="node app.js", start_ticks=5)
    asked = cmd.PortQuestion(
        "q1", cmd.QuestionKind.CONFLICT, SERVICE, "Port 80 is held.", (KILL, SKIP), node, 8080
    )
    kill, _ = to_question(asked).choices
    assert kill.confirm == (
        "node app.js (pid 71), which holds port 8080 of this machine; what it has not saved is lost"
    )


def test_what_became_of_a_process_is_one_sentence() -> None:
    node = PortHolder(pid=71, command="node app.js")
    assert explain_kill(node, 80, None) == (
        "node app.js (pid 71), which held port 80 on this machine, was ended"
    )
    assert explain_kill(PortHolder(pid=7), 80, "it is root's").endswith(
        "was not ended: it is root's"
    )
