//! Prints how the model fares on a set of simulated paths: `cargo run --release --example
//! simulate [NAME]`; with a name, tenth by tenth.

#[path = "../tests/simulator/mod.rs"]
mod simulator;

use simulator::{Flow, Path, Simulator};

struct Case {
    name: &'static str,
    path: Path,
    flows: Vec<Flow>,
    changes: Vec<(f64, Path)>,
}

fn case(name: &'static str, path: Path, flows: Vec<Flow>) -> Case {
    Case {
        name,
        path,
        flows,
        changes: Vec::new(),
    }
}

fn cases() -> Vec<Case> {
    let one = || vec![Flow::ours()];
    let two = |other: Flow| vec![Flow::ours(), Flow::ours().from(0.3), other];
    let far = || Path::new(200.0, 60);
    let lan = || Path::new(1000.0, 1).queue(50.0);
    vec![
        case("60ms", far(), one()),
        case("60ms-0.5%", far().loss(0.005), one()),
        case("60ms-2%", far().loss(0.02), one()),
        case("60ms-5%", far().loss(0.05), one()),
        case("60ms-10%", far().loss(0.10), one()),
        case("60ms-2%-shallow", far().loss(0.02).queue(0.15), one()),
        case("60ms-shallow", far().queue(0.15), one()),
        case("60ms-tiny", far().queue(0.05), one()),
        case("60ms-jitter", far().jitter(10), one()),
        case("300ms-1%", Path::new(50.0, 300).loss(0.01), one()),
        case("20M-deep", Path::new(20.0, 40).queue(20.0), one()),
        case("1M-deep", Path::new(1.0, 40).queue(20.0), one()),
        case("lan", Path::new(940.0, 1).queue(4.0), one()),
        case("lan-deep", Path::new(940.0, 1).queue(50.0), one()),
        case("stall-send-10", lan().stalls(10, 0), one()),
        case("stall-read-3", lan().stalls(0, 3), one()),
        case("stall-read-10", lan().stalls(0, 10), one()),
        case("stall-both-3", lan().stalls(3, 3), one()),
        case("stall-both-10", lan().stalls(10, 10), one()),
        case("far-stall-send", far().stalls(10, 0), one()),
        case("far-stall-read", far().stalls(0, 10), one()),
        case("far-stall-both", far().stalls(10, 10), one()),
        case("wifi-deep", Path::new(50.0, 2).queue(200.0), one()),
        case("two", far(), vec![Flow::ours(), Flow::ours().from(3.0)]),
        case(
            "eight",
            far().queue(8.0),
            (0..8).map(|i| Flow::ours().from(i as f64)).collect(),
        ),
        case(
            "control-0.2",
            far().queue(0.2),
            (0..3).map(|_| Flow::cubic()).collect(),
        ),
        case("control-1", far(), (0..3).map(|_| Flow::cubic()).collect()),
        case("cubic-0.2", far().queue(0.2), two(Flow::cubic())),
        case("cubic-0.5", far().queue(0.5), two(Flow::cubic())),
        case("cubic-1", far(), two(Flow::cubic())),
        case("cubic-4", far().queue(4.0), two(Flow::cubic())),
        case("20M-cubic-1", Path::new(20.0, 40), two(Flow::cubic())),
        case(
            "20M-cubic-4",
            Path::new(20.0, 40).queue(4.0),
            two(Flow::cubic()),
        ),
        Case {
            changes: vec![(8.0, Path::new(20.0, 60).queue(20.0))],
            ..case("slower", far().queue(20.0), one())
        },
        Case {
            changes: vec![(8.0, Path::new(200.0, 60))],
            ..case("faster", Path::new(20.0, 60), one())
        },
        Case {
            changes: vec![(8.0, Path::new(200.0, 300))],
            ..case("longer", far(), one())
        },
        Case {
            changes: vec![(8.0, Path::new(200.0, 10))],
            ..case("shorter", far(), one())
        },
    ]
}

fn main() {
    let wanted = std::env::args().nth(1);
    for case in cases() {
        if wanted.as_ref().is_some_and(|name| name != case.name) {
            continue;
        }
        let long = case.name.contains("cubic") || case.name.contains("control");
        let mut run = Simulator::new(case.path, case.flows, 7);
        run.changes = case.changes;
        let run = run.run(if long { 63.0 } else { 23.0 });
        if wanted.is_some() {
            for (i, s) in run.samples.iter().enumerate() {
                let t = i as f64 / 10.0;
                println!("{t:5.1} {:7.1?} wait {:6.1} {}", s.rates, s.wait_ms, s.note);
            }
        }
        let rates = |from: f64, to: f64| -> Vec<String> {
            let n = run.flows.len();
            (0..n)
                .map(|i| format!("{:.1}", run.rate(i, from, to)))
                .collect()
        };
        let lost: u64 = run.flows.iter().map(|f| f.sender.lost).sum();
        println!(
            "{:16} 0-3s {:?} 3-23s {:?} 18-23s {:?} wait p50 {:.0} p99 {:.0} ms, lost {:.1} MB, drops {}",
            case.name,
            rates(0.0, 3.0),
            rates(3.0, 22.9),
            rates(
                if long { 43.0 } else { 18.0 },
                if long { 62.9 } else { 22.9 }
            ),
            run.wait_quantile(3.0, 0.5),
            run.wait_quantile(3.0, 0.99),
            lost as f64 / 1e6,
            run.queue_drops
        );
    }
}
