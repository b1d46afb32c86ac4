"""The steps from HOST to an open channel to the agent. I/O.

Every step has a time limit and a typed error; whatever ends the attempt, cancellation included,
leaves no child behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

from port_linker import clock
from port_linker.deploy.bundle import Bundle, build_bundle, fill_stage0, pack_attacher
from port_linker.deploy.channel import AgentChannel, StderrRouter
from port_linker.deploy.faults import explain_failure, explain_stage_end, explain_stage_timeout
from port_linker.deploy.header import encode_header
from port_linker.deploy.plan import DeployPlan, name_python, plan_cache_dirs, plan_deploy
from port_linker.deploy.replies import AgentAttached, AttachFailed, BundleNeeded, Reply, ReplyReader
from port_linker.deploy.report import ReportReader, TargetReport
from port_linker.deploy.settings import (
    ConnectSettings,
    Progress,
    Stage,
    StageBegun,
    StageDone,
    StderrLine,
)
from port_linker.errors import PortLinkerError
from port_linker.ssh.command import needs_own_group, plan_command
from port_linker.ssh.explain import explain_end, explain_login_timeout, explain_missing
from port_linker.ssh.person import can_ask
from port_linker.ssh.process import (
    ChildProcess,
    ProgramMissingError,
    read_ssh_version,
    start_process,
)
from port_linker.ssh.target import Target, TargetKind
from port_linker.tasks import start_task, stop_task

READ_BYTES = 64 << 10
UPLOAD_SLICE_BYTES = 64 << 10
END_GRACE_S = 2.0  # for the child to end once its output has

OnProgress = Callable[[Progress], None]


async def open_agent_channel(
    target: Target,
    settings: ConnectSettings,
    on_progress: OnProgress = lambda _progress: None,
    unattended: bool = False,
) -> AgentChannel:
    """Log in, bring the agent to the target if it is not there, and return the channel to it.

    unattended: nobody is asked for a password or a key, and no shared ssh connection is trusted.
    Raises UnreachableError, AuthError, HostKeyError (the way there), TargetError, ProtocolError
    (what is there), UsageError (an ssh option). Cancelling it ends the child.
    """
    opening = _Opening(target, settings, on_progress, unattended)
    building = start_task(asyncio.to_thread(build_bundle), "build bundle")  # while ssh connects
    try:
        await opening.start()
        return await opening.run(building)
    except BaseException:
        await opening.abort()
        raise
    finally:
        await stop_task(building)


class _Opening:
    """One attempt."""

    def __init__(
        self, target: Target, settings: ConnectSettings, on_progress: OnProgress, unattended: bool
    ) -> None:
        self._target = target
        self._settings = settings
        self._on_progress = on_progress
        self._unattended = unattended
        self._router = StderrRouter(self._show_line)
        self._child: ChildProcess | None = None
        self._stage = Stage.LOGIN
        self._began_s = 0.0
        self._report = TargetReport()

    async def start(self) -> None:
        self._begin(Stage.LOGIN)
        is_ssh = self._target.kind is TargetKind.SSH
        version = await read_ssh_version() if is_ssh else None
        words = plan_command(self._target, version, self._settings.ssh_options, self._unattended)
        try:
            self._child = start_process(words, self._router.route, needs_own_group(words))
        except ProgramMissingError as error:
            raise explain_missing(self._target, str(error)) from error
        self._began_s = min(self._began_s, self._child.began_s)

    async def abort(self) -> None:
        self._router.words.release()
        if self._child is not None:
            await self._child.close()

    async def run(self, building: asyncio.Task[Bundle]) -> AgentChannel:
        await self._read_report()
        plan = self._plan()
        bundle = await building
        sync = secrets.token_bytes(16)
        attached = await self._attach(plan, bundle, sync)
        channel = AgentChannel(self._target, self._running_child, self._router, attached, sync)
        channel.report, channel.plan = self._report, plan
        return channel

    # The steps

    async def _read_report(self) -> None:
        nonce = secrets.token_hex(8)
        reader = ReportReader(nonce)
        limits = self._settings.limits
        async with self._limit(limits.of_login(self._unattended, can_ask())):
            await self._send(fill_stage0(nonce, self._settings.target_python))
            data = await self._receive()
        self._done(f"{self._target} answers")
        self._begin(Stage.SHELL)
        async with self._limit(limits.shell_s):
            while (report := reader.feed(data)) is None:
                data = await self._receive()
        self._report = report
        self._done(f"{report.os} {report.arch}, uid {report.uid}")

    def _plan(self) -> DeployPlan:
        self._begin(Stage.PLAN)
        plan = plan_deploy(self._report, self._target.display, self._settings.target_python)
        where = plan.bases[0] if plan.bases else "memory"
        self._done(f"{name_python(plan.python)}, agent in {where}", plan)
        return plan

    async def _attach(self, plan: DeployPlan, bundle: Bundle, sync: bytes) -> AgentAttached:
        self._begin(Stage.ATTACH)
        program = pack_attacher()
        dirs = plan_cache_dirs(plan.bases, self._report.uid)
        header = encode_header(self._settings, dirs, bundle.digest, len(bundle.data), sync)
        path = plan.python.path.encode("utf-8", "surrogateescape")
        async with self._limit(self._settings.limits.attach_s):
            await self._send(b"run %d %s\n" % (len(program), path) + program + header)
            reader = ReplyReader()
            reply = await self._read_reply(reader)
        if isinstance(reply, BundleNeeded):
            await self._upload(bundle)
            self._begin(Stage.ATTACH)
            async with self._limit(self._settings.limits.attach_s):
                reply = await self._read_reply(reader)
        if not isinstance(reply, AgentAttached):
            failed = reply if isinstance(reply, AttachFailed) else AttachFailed("twice", "")
            raise explain_failure(failed, self._target.display)
        self._done(f"agent {reply.how}, pid {reply.pid}")
        return reply

    async def _upload(self, bundle: Bundle) -> None:
        self._begin(Stage.UPLOAD)
        for start in range(0, len(bundle.data), UPLOAD_SLICE_BYTES):
            async with self._limit(self._settings.limits.upload_s):
                await self._send(bundle.data[start : start + UPLOAD_SLICE_BYTES])
        self._done(f"{len(bundle.data) >> 10} KiB")

    async def _read_reply(self, reader: ReplyReader) -> Reply:
        while True:
            replies = reader.feed(await self._receive())
            if replies:
                return replies[0]

    # What each step does

    @property
    def _running_child(self) -> ChildProcess:
        if self._child is None:
            raise RuntimeError("start comes first")
        return self._child

    async def _send(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._running_child.sock, data)
        except OSError as error:
            raise await self._explain_end() from error

    async def _receive(self) -> bytes:
        """Return the next bytes. Raises what the child's end means."""
        data = await self._running_child.receive(READ_BYTES)
        if not data:
            raise await self._explain_end()
        return data

    async def _explain_end(self) -> PortLinkerError:
        child = self._running_child
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_GRACE_S):
                await child.wait()
        status = 0 if child.status is None else child.status
        tail = tuple(self._router.tail)
        if self._stage is Stage.LOGIN or not self._report.os:
            return self._router.words.settle(explain_end(self._target, status, tail))
        return explain_stage_end(self._stage, self._target.display, status, tail)

    @contextlib.asynccontextmanager
    async def _limit(self, limit_s: float | None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError as error:
            limit_s = limit_s or 0.0  # without a limit nothing times out
            if self._stage is Stage.LOGIN:
                raise explain_login_timeout(self._target, limit_s) from error
            name = self._target.display
            raise explain_stage_timeout(self._stage, name, limit_s) from error

    def _begin(self, stage: Stage) -> None:
        self._stage = stage
        self._began_s = clock.monotonic_s()
        self._on_progress(StageBegun(stage))

    def _done(self, detail: str, plan: DeployPlan | None = None) -> None:
        self._router.words.release()
        took_s = clock.monotonic_s() - self._began_s
        self._on_progress(StageDone(self._stage, took_s, detail, plan))

    def _show_line(self, text: str) -> None:
        self._on_progress(StderrLine(text, login=self._stage is Stage.LOGIN))
