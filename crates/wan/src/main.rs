//! A WAN emulator for tests and measurements: two TUN devices in two network namespaces, and
//! between them delay, jitter, loss, a rate with a queue, reordering, darkness, a change of
//! address. One thread; steered by lines on stdin (`command.rs`).

mod args;
mod command;
mod nat;
mod path;
mod rng;
mod tun;
mod wire;

use command::parse_command;
use std::io::{Error, Read, Result, Write};
use std::time::{Duration, Instant};
use tun::Tun;
use wire::Wire;

/// Packets taken from one device before the other one and the clock get their turn.
const TURN_PACKETS: usize = 256;

/// While packets are under way the devices are served at this pace. At 370 Mbit/s and 60 ms that
/// took 0.47 of a CPU with 100 µs where waking for each packet took 0.74; it costs so much accuracy.
const TICK_NANOS: u64 = 200_000;

/// With nothing due for so long there is time to wait for whatever comes first.
const IDLE_NANOS: u64 = 5 * TICK_NANOS;

/// Commands are looked for once in so many ticks.
const TICKS_PER_GLANCE: u32 = 16;

/// A command line longer than this is a mistake.
const LINE_MAX: usize = 4096;

fn main() -> std::process::ExitCode {
    let args = match args::parse_args(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprint!("port-linker-wan: {error}\n\n{}", args::USAGE);
            return 2.into();
        }
    };
    match run(&args) {
        Ok(()) => 0.into(),
        Err(error) => {
            eprintln!("port-linker-wan: {error}");
            1.into()
        }
    }
}

fn run(args: &args::Args) -> Result<()> {
    let tuns = [Tun::open(&args.ends[0])?, Tun::open(&args.ends[1])?];
    let mut emulator = Emulator {
        wire: Wire::new(args.ends[0].address, args.seed),
        tuns,
        epoch: Instant::now(),
        line: Vec::new(),
        ticks: 0,
    };
    for line in &args.commands {
        let command = parse_command(line).map_err(Error::other)?;
        emulator.wire.command(&command, 0);
    }
    sharpen_timers();
    say(r#"{"ready":true}"#);
    emulator.run()
}

struct Emulator {
    wire: Wire,
    tuns: [Tun; 2],
    epoch: Instant,
    line: Vec<u8>,
    ticks: u32,
}

impl Emulator {
    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Runs until stdin ends.
    fn run(&mut self) -> Result<()> {
        let mut buffer = vec![0u8; 65_536];
        loop {
            let [stdin, a, b] = self.wait()?;
            if stdin && !self.obey()? {
                return Ok(());
            }
            for (direction, ready) in [a, b].into_iter().enumerate() {
                if ready {
                    self.take(direction, &mut buffer)?;
                }
            }
            let now = self.now();
            for direction in [0, 1] {
                let out = &self.tuns[1 - direction];
                self.wire.leave(direction, now, |packet| out.write(packet));
            }
        }
    }

    fn take(&mut self, direction: usize, buffer: &mut [u8]) -> Result<()> {
        for _ in 0..TURN_PACKETS {
            let Some(n) = self.tuns[direction].read(buffer)? else {
                break;
            };
            let now = self.now();
            self.wire.enter(direction, &buffer[..n], now);
        }
        Ok(())
    }

    /// Waits for a command or a packet, or, while packets are under way, for a tick; says which of
    /// stdin and the two devices to read.
    fn wait(&mut self) -> Result<[bool; 3]> {
        let Some(due) = self.wire.next_due() else {
            return self.poll(None);
        };
        let now = self.now();
        if due > now + IDLE_NANOS {
            return self.poll(Some(due - now));
        }
        std::thread::sleep(Duration::from_nanos(TICK_NANOS));
        self.ticks = (self.ticks + 1) % TICKS_PER_GLANCE;
        match self.ticks {
            0 => Ok([self.poll(Some(0))?[0], true, true]),
            _ => Ok([false, true, true]),
        }
    }

    fn poll(&self, nanos: Option<u64>) -> Result<[bool; 3]> {
        let fds = [0, self.tuns[0].raw(), self.tuns[1].raw()];
        let mut polls = fds.map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        let timeout = nanos.map(|wait| libc::timespec {
            tv_sec: (wait / path::NANOS_PER_S) as libc::time_t,
            tv_nsec: (wait % path::NANOS_PER_S) as libc::c_long,
        });
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: three pollfds and a timespec that live across the call.
        let n = unsafe { libc::ppoll(polls.as_mut_ptr(), 3, timeout, std::ptr::null()) };
        if n < 0 {
            let error = Error::last_os_error();
            return match error.kind() {
                std::io::ErrorKind::Interrupted => Ok([false; 3]),
                _ => Err(error),
            };
        }
        Ok(polls.map(|poll| poll.revents != 0))
    }

    /// Reads what stdin has and answers each whole line. False: stdin has ended.
    fn obey(&mut self) -> Result<bool> {
        let mut chunk = [0u8; 1024];
        let n = std::io::stdin().lock().read(&mut chunk)?;
        self.line.extend_from_slice(&chunk[..n]);
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let now = self.now();
            say(&match parse_command(&String::from_utf8_lossy(&line)) {
                Ok(command) => self.wire.command(&command, now),
                Err(error) => format!(r#"{{"ok":false,"error":{error:?}}}"#),
            });
        }
        Ok(n > 0 && self.line.len() < LINE_MAX)
    }
}

/// The kernel may end a wait 50 µs late by default; at 400 Mbit/s that is two packets.
fn sharpen_timers() {
    // SAFETY: a call without pointers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000) };
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody left to read is no reason to stop carrying packets: stdin's end is.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
