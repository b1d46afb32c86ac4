"""Targets of many kinds: login shells, unkind file systems, strict sshd, ways to log in."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import time
from collections.abc import Mapping

import pytest

from tests.lab import mounts
from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import PROGRAM, TARGET4, TwoHosts
from tests.lab.pair import DEVICE
from tests.lab.probe import (
    agent_pids,
    command_line,
    exchange,
    is_refused,
    kill,
    ssh_pids,
    target_pids,
    the_agent,
)
from tests.lab.program import PortLinker
from tests.lab.services import Services
from tests.lab.shell import run, wait_until

pytestmark = pytest.mark.lab


def use(lab: TwoHosts, start: Start, *words: str, **options: object) -> PortLinker:
    """Mirror an echo from the target and send something through it."""
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        program = start(lab, *(words or ("target",)), **options)
        program.wait_service(7001)
        with lab.connect(7001) as sock:
            assert exchange(sock, b"hello") == b"hello"
    return program


@pytest.mark.parametrize(
    "shell", ["/bin/sh", "/bin/dash", "/usr/bin/fish", "/bin/csh", "/bin/tcsh"]
)
def test_login_shells(lab: TwoHosts, start: Start, shell: str) -> None:
    lab.user.set_shell(shell)
    use(lab, start)


def test_the_options_of_ssh_are_those_of_ssh(lab: TwoHosts, start: Start) -> None:
    lab.restart_sshd(Port="2222")
    with open(lab.ssh_config) as file:
        lines = file.read().splitlines()
    with open(f"{lab.host_home}/.ssh/id_ed25519") as file:
        secret = file.read()
    kept = [line for line in lines if "User " not in line and "IdentityFile" not in line]
    config = lab.write_host("other config", "\n".join(kept))
    key = lab.write_host("a key", secret, 0o600)
    known = lab.sshd.known_hosts([f"[{TARGET4}]:2222", "[target]:2222"])
    lab.write_host(".ssh/known_hosts", known)
    user = lab.user.name
    use(lab, start, "target", "-p2222", "-l", user, "-i", key, "-F", config).stop()
    use(lab, start, f"ssh://{user}@target:2222", "-i", key, f"-F{config}")


def test_noisy_start_files(lab: TwoHosts, start: Start) -> None:
    noise = "echo welcome; head -c 3000 /dev/urandom; echo; echo oops >&2\n"
    lab.user.write(".bashrc", noise)
    lab.user.write(".profile", noise)
    use(lab, start)


def test_noisy_csh(lab: TwoHosts, start: Start) -> None:
    lab.user.set_shell("/bin/csh")
    lab.user.write(".cshrc", "echo hello from csh\n")
    use(lab, start)


def test_noexec_scratch(lab: TwoHosts, start: Start) -> None:
    lab.restart_sshd(mounts.noexec_scratch())
    use(lab, start)


def test_read_only_home(lab: TwoHosts, start: Start) -> None:
    lab.restart_sshd(mounts.readonly_home(lab.user.home))
    use(lab, start)


def test_no_writable_directory_at_all(lab: TwoHosts, start: Start) -> None:
    lab.restart_sshd(mounts.nothing_writable(lab.user.home))
    program = use(lab, start)
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7002)
        program.wait_service(7002)
        with lab.connect(7002) as sock:  # and resumes by its abstract socket
            assert exchange(sock, b"before") == b"before"
            agent = the_agent(lab)
            mark = program.mark()
            for pid in ssh_pids(lab):
                os.kill(pid, 9)
            program.wait_session("reattached", mark)
            assert exchange(sock, b"after") == b"after"
            assert the_agent(lab) == agent


def test_an_abstract_name_that_another_user_takes_hides_no_agent(
    lab: TwoHosts, start: Start
) -> None:
    """Every user sees the name in /proc/net/unix, and may take it when an agent dies."""
    lab.restart_sshd(mounts.nothing_writable(lab.user.home))
    program = use(lab, start)
    died = the_agent(lab)
    name = next(
        line.split()[-1]
        for line in lab.target.run("cat", "/proc/net/unix").splitlines()
        if "@port-linker-" in line
    )
    attachers = [pid for pid in target_pids(lab) if " -I -S -c " in command_line(pid)]
    kill(attachers, signal.SIGSTOP)
    kill([died])
    squatter = lab.target.call(lambda: squat(name))
    with squatter:
        kill(attachers, signal.SIGCONT)
        agent = wait_until(lambda: set(agent_pids(lab)) - {died}, "another agent").pop()
        with Services(lab.target) as services:
            services.tcp(kinds.echo, 7002)
            program.wait_service(7002)  # it speaks to the host
        mark = program.mark()
        kill(ssh_pids(lab))
        program.wait_session("reattached", mark, timeout_s=30)
        assert the_agent(lab) == agent, "found behind its second name"
        heard, _ = squatter.accept()
        with heard:
            assert heard.recv(100) == b"", "nobody told the squatter anything"


def squat(name: str) -> socket.socket:
    """Listen at an abstract name as another user."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    wait_until(lambda: can_bind(sock, "\0" + name[1:]), "the name is free")
    os.seteuid(4242)
    try:
        sock.listen()
    finally:
        os.seteuid(0)
    return sock


def can_bind(sock: socket.socket, name: str) -> bool:
    """Whether the socket has the name now."""
    try:
        sock.bind(name)
    except OSError:
        return False
    return True


def test_full_disk(lab: TwoHosts, start: Start) -> None:
    lab.restart_sshd(mounts.full_disk(lab.user.home))
    use(lab, start)


def test_tcp_forwarding_forbidden(lab_factory: LabFactory, start: Start) -> None:
    options = {"AllowTcpForwarding": "no", "AllowStreamLocalForwarding": "no", "PermitTTY": "no"}
    use(lab_factory(sshd={**options, "X11Forwarding": "no", "DisableForwarding": "yes"}), start)


def test_root_login(lab: TwoHosts, start: Start) -> None:
    use(lab, start, "root-target")


def test_the_users_own_forwards_do_not_disturb(lab: TwoHosts, start: Start) -> None:
    lab.add_ssh_config(
        "Host *\n  LocalForward 7001 127.0.0.1:9\n  ExitOnForwardFailure yes\n"
        "  RemoteCommand echo no\n  RequestTTY force\n"
    )
    use(lab, start)


def test_a_control_master_is_used_and_survived(lab: TwoHosts, start: Start) -> None:
    path = os.path.join(lab.folder, "master-%C")
    lab.add_ssh_config(f"Host *\n  ControlMaster auto\n  ControlPath {path}\n  ControlPersist 60\n")
    lab.start("ssh", "-n", "target", "true").wait(10)
    logins = lab.sshd.log().count("Accepted publickey")
    program = use(lab, start)
    assert lab.sshd.log().count("Accepted publickey") == logins
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7002)
        program.wait_service(7002)
        mark = program.mark()
        for pid in ssh_pids(lab):
            os.kill(pid, 9)
        program.wait_session("reattached", mark)
        with lab.connect(7002) as sock:
            assert exchange(sock, b"x") == b"x"


def test_a_password_by_askpass(lab_factory: LabFactory, start: Start) -> None:
    lab = lab_factory(sshd={"PasswordAuthentication": "yes"})
    lab.user.set_password("right horse")
    lab.add_ssh_config("Host *\n  PubkeyAuthentication no\n")
    askpass = lab.write_host("bin/askpass", "#!/bin/sh\necho 'right horse'\n", 0o755)
    env = lab.env(SSH_ASKPASS=askpass, SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
    use(lab, start, "target", env=env)


def test_a_password_typed_on_the_terminal(lab_factory: LabFactory) -> None:
    lab = lab_factory(sshd={"PasswordAuthentication": "yes"})
    lab.user.set_password("right horse")
    lab.add_ssh_config("Host *\n  PubkeyAuthentication no\n")
    use_by_typing(lab, {b"assword:": b"right horse"})


def test_a_new_host_key_and_a_passphrase_are_asked_for_on_the_terminal(lab: TwoHosts) -> None:
    lab.write_host(".ssh/known_hosts", "")
    key = os.path.join(lab.host_home, ".ssh/id_ed25519")
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "right horse", "-f", key)
    use_by_typing(lab, {b"(yes/no": b"yes", b"passphrase": b"right horse"})


def use_by_typing(lab: TwoHosts, answers: Mapping[bytes, bytes]) -> None:
    """Use a service after a login that asks on the terminal. answers: by a part of the question."""
    ours, theirs = pty.openpty()
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        words = ["setsid", "--ctty", "--wait", PROGRAM, "target", "--plain"]
        process = lab.start(*words, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        for question, answer in answers.items():
            read_until(ours, question)
            os.write(ours, answer + b"\n")
        wait_until(lambda: not is_refused(lab, 7001), "the service is bound")
        with lab.connect(7001) as sock:
            assert exchange(sock, b"typed") == b"typed"
        os.write(ours, b"\x03")
        drain_until_end(ours)
        assert process.wait(10) == 130


def read_until(descriptor: int, words: bytes, timeout_s: float = 15) -> bytes:
    """Read a terminal until these words have come."""
    got, end = b"", time.monotonic() + timeout_s
    while words not in got:
        left = end - time.monotonic()
        assert left > 0, got
        if select.select([descriptor], [], [], left)[0]:
            got += os.read(descriptor, 4096)
    return got


def drain_until_end(descriptor: int) -> None:
    """Read a terminal until its program is gone."""
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        os.close(descriptor)


def test_exec_gives_a_target_too(lab: TwoHosts, start: Start) -> None:
    use(lab, start, "exec:ssh target exec sh")


def test_this_machine_is_refused(lab: TwoHosts, start: Start) -> None:
    program = start(lab, "exec:sh", up=False)
    assert "this machine" in program.wait_error("PL-")
    assert program.process.returncode in (2, 6)


@pytest.mark.parametrize(
    ("config", "code", "exit_code"),
    [
        (f"Host target\n  HostName {TARGET4}\n  Port 2222\n", "PL-SSH-REFUSED", 3),
        ("Host target\n  User nobody-here\n", "PL-SSH-AUTH", 4),
        ("Host target\n  UserKnownHostsFile /dev/null\n", "PL-SSH-HOST-KEY", 5),
        ("Host target\n  HostName does-not-exist.invalid\n", "PL-SSH-RESOLVE", 3),
    ],
)
def test_a_login_that_fails_is_one_sentence(
    lab: TwoHosts, start: Start, config: str, code: str, exit_code: int
) -> None:
    lab.add_ssh_config(config)
    program = start(lab, "target", up=False)
    program.wait_error(code)
    assert program.process.returncode == exit_code
    assert program.events[-1].get("code") == code


def test_a_changed_host_key_is_one_sentence(lab: TwoHosts, start: Start) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{lab.folder}/other")
    with open(f"{lab.folder}/other.pub") as file:
        kind, key = file.read().split()[:2]
    lab.write_host(".ssh/known_hosts", f"target,{TARGET4} {kind} {key}\n")
    program = start(lab, "target", up=False)
    program.wait_error("PL-SSH-HOST-KEY")
    assert program.process.returncode == 5


def test_a_forced_command_is_one_sentence(lab_factory: LabFactory, start: Start) -> None:
    lab = lab_factory(sshd={"ForceCommand": "echo this machine is closed"})
    program = start(lab, "target", up=False)
    program.wait_error("PL-TARGET-NO-SHELL")
    assert program.process.returncode == 6


def test_a_forced_shell_works(lab_factory: LabFactory, start: Start) -> None:
    use(lab_factory(sshd={"ForceCommand": '/bin/sh -c "$SSH_ORIGINAL_COMMAND"'}), start)


def test_a_target_without_python_is_one_sentence(lab: TwoHosts, start: Start) -> None:
    program = start(lab, "target", "--target-python", "/nowhere/python3", up=False)
    assert "/nowhere/python3" in program.wait_error("PL-TARGET")
    assert program.process.returncode == 6


def test_an_old_python_is_named_with_its_version(lab: TwoHosts, start: Start) -> None:
    old = lab.user.write("python3", "#!/bin/sh\necho 3.6.8 $0\n", 0o755)
    program = start(lab, "target", "--target-python", old, up=False)
    assert "3.6.8" in program.wait_error("PL-TARGET-PYTHON-OLD")


def test_an_unreachable_target_does_not_hang(lab: TwoHosts, start: Start) -> None:
    lab.pair.unplug()
    program = start(lab, "target", up=False)
    program.wait_error("PL-SSH-UNREACHABLE")
    assert program.process.returncode == 3
    assert DEVICE in lab.host.ip("link", "show", "dev", DEVICE)
