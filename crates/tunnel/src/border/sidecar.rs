//! Serve the control socket of the process: commands in, reports out.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::control::{Command, LineError, VERSION, parse_command, parse_number};
use super::executor::{Connected, Executor, bad};
use super::fdpass::LineReader;
use super::reports::{Report, encode_reply, encode_report, explain};
use crate::error::LinkError;
use crate::event::Event;

enum Input {
    Event(Event),
    Connected(Connected),
}

struct Sidecar {
    socket: UnixStream,
    executor: Executor,
    /// The number of the question to connect, which is answered when the attempt has ended.
    connecting: Option<u64>,
}

/// Serve one control socket until it closes or `shutdown` comes.
pub async fn run_sidecar(socket: UnixStream) -> io::Result<()> {
    let (events, mut events_rx) = mpsc::unbounded_channel();
    let (connected, mut connected_rx) = mpsc::unbounded_channel();
    let mut sidecar = Sidecar {
        socket,
        executor: Executor::new(events, connected),
        connecting: None,
    };
    let served = sidecar.serve(&mut events_rx, &mut connected_rx).await;
    // Also when Python is gone, so that the peer need not wait for the end of the lease.
    sidecar.executor.close().await;
    served
}

impl Sidecar {
    async fn serve(
        &mut self,
        events_rx: &mut mpsc::UnboundedReceiver<Event>,
        connected_rx: &mut mpsc::UnboundedReceiver<Connected>,
    ) -> io::Result<()> {
        let mut reader = LineReader::new();
        let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
        self.report(&Report::Ready {
            v: VERSION,
            version,
            pid,
        })
        .await?;
        loop {
            let input = tokio::select! {
                line = reader.next(&self.socket) => match line {
                    Ok(Some(line)) if self.take_line(&line, &mut reader).await? => continue,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return self.fail(LinkError::new("bad-line", error), None, None).await;
                    }
                    // Closed, `shutdown`, or a reset: what a parent that was killed leaves.
                    _ => return Ok(()),
                },
                Some(event) = events_rx.recv() => Input::Event(event),
                Some(done) = connected_rx.recv() => Input::Connected(done),
            };
            self.take_input(input).await?;
        }
    }

    async fn report(&mut self, report: &Report) -> io::Result<()> {
        self.socket.write_all(&encode_report(report)).await
    }

    /// Answer a question with its number, so that a late answer is not taken for another's.
    async fn reply(&mut self, report: &Report, number: Option<u64>) -> io::Result<()> {
        self.socket.write_all(&encode_reply(report, number)).await
    }

    async fn fail(
        &mut self,
        error: LinkError,
        cmd: Option<&'static str>,
        number: Option<u64>,
    ) -> io::Result<()> {
        let report = Report::Error {
            code: error.code,
            detail: error.detail,
            cmd,
        };
        self.reply(&report, number).await
    }

    /// Carry out one line; false ends the process.
    async fn take_line(&mut self, line: &[u8], reader: &mut LineReader) -> io::Result<bool> {
        let number = parse_number(line);
        let command = match parse_command(line) {
            Ok(Command::Shutdown) => return Ok(false),
            Ok(command) => command,
            Err(LineError::Unknown(name)) => {
                self.fail(LinkError::new("unknown-command", name), None, number)
                    .await?;
                return Ok(true);
            }
            Err(LineError::Bad(detail)) => {
                self.fail(bad(detail), None, number).await?;
                return Ok(true);
            }
        };
        let name = command.name();
        let is_peer = matches!(command, Command::Peer(_));
        match self.executor.carry_out(command, reader) {
            Ok(Some(report)) => self.reply(&report, number).await?,
            Ok(None) if is_peer => self.connecting = number,
            Ok(None) => {}
            Err(error) => self.fail(error, Some(name), number).await?,
        }
        Ok(true)
    }

    async fn take_input(&mut self, input: Input) -> io::Result<()> {
        match input {
            Input::Connected(Ok(host)) => {
                let address = host.address;
                self.executor.take_host(host);
                let number = self.connecting.take();
                self.reply(&Report::Connected { address }, number).await
            }
            Input::Connected(Err(error)) => {
                let number = self.connecting.take();
                self.fail(error, Some("peer"), number).await
            }
            Input::Event(event) => {
                if matches!(event, Event::Closed { .. }) {
                    self.executor.take_closed();
                }
                self.report(&explain(event)).await
            }
        }
    }
}
