//! Run the sidecar: `port-linker-tunnel --control-fd N`. Everything else comes over that socket.

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use port_linker_tunnel::border::sidecar::run_sidecar;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const USAGE: &str = "usage: port-linker-tunnel --control-fd N | --version";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--version"] => {
            println!("port-linker-tunnel {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        ["--control-fd", number] => match number.parse() {
            Ok(number @ 0..) => run(number),
            _ => fail(USAGE),
        },
        _ => fail(USAGE),
    }
}

fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}

fn run(number: i32) -> ExitCode {
    raise_descriptor_limit();
    // SAFETY: the caller passed this descriptor to us for good; nothing else here owns or uses it.
    #[allow(unsafe_code)]
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let socket = std::os::unix::net::UnixStream::from(descriptor);
            socket.set_nonblocking(true)?;
            run_sidecar(tokio::net::UnixStream::from_std(socket)?).await
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("port-linker-tunnel: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Raise the limit: a flow takes one descriptor, and the usual soft limit of 1,024 is less than the
/// bound of flows.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
