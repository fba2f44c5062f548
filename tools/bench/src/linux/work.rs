//! A server at work: started afresh, asked by clients for a while, and what that took.

use std::time::{Duration, Instant};

use super::{
    kernel::{machine_busy, our_own},
    load::{Clients, Until},
    machine::{self, Processors},
    server::{Program, Server},
};
use crate::{doing, error::MeasureError, median::Spread};

/// How long clients are at work before it counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// The clients of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crowd {
    /// Those that ask without a pause.
    pub active: usize,
    /// Those that asked once and say nothing.
    pub idle: usize,
}

/// What one server did in one round.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// CPU time a request, in µs.
    pub cpu: f64,
    /// Context switches a request.
    pub switches: f64,
    /// What others took of the processors meanwhile, from 0 to 1.
    pub others: f64,
}

/// Starts a server, has clients at work for a while, and says what that took.
///
/// # Errors
/// A server that does not serve them all, or does not echo.
pub fn work(
    program: &Program,
    crowd: Crowd,
    window: Duration,
    processors: Processors,
) -> Result<Work, MeasureError> {
    let mut server = Server::start(program, processors)?;
    let mut clients = Clients::none().map_err(doing("making an epoll instance"))?;
    let (active, all) = (crowd.active, crowd.active + crowd.idle);
    // Those at work come first: the load generator knows them by their places.
    if let Err(refused) = clients.connect(server.address, all) {
        return Err(server.wrong(format!(
            "client {} of {all} is not served: {}; does it claim the right concurrency?",
            refused.client, refused.error
        )));
    }
    clients
        .closed(active, Until::Past(WARM_UP))
        .map_err(|error| server.wrong(error.to_string()))?;
    // Whoever is asked to rest and does not is measured as it is, a few milliseconds more.
    let rest = Duration::from_millis(5);
    let before = server.family().usage_at_rest(rest);
    let (begun, busy, own) = (Instant::now(), machine_busy(), our_own());
    let requests = clients
        .closed(active, Until::Past(window))
        .map_err(|error| server.wrong(error.to_string()))?;
    let passed = begun.elapsed().as_secs_f64();
    let (busy, own) = (machine_busy() - busy, our_own() - own);
    let spent = server.family().usage_at_rest(rest).since(&before);
    if spent.ended > 0 {
        return Err(server.wrong(format!(
            "{} of its threads or processes ended while clients were at work; what they used is lost",
            spent.ended
        )));
    }
    let each = |number: u64| number as f64 / requests.max(1) as f64;
    let machine = passed * machine::cores() as f64;
    Ok(Work {
        cpu: each(spent.nanoseconds) / 1e3,
        switches: each(spent.switches),
        others: ((busy - own - spent.nanoseconds as f64 / 1e9) / machine).clamp(0.0, 1.0),
    })
}

/// What else one must know of a run.
pub fn conditions(others: Spread, processors: Processors) -> String {
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    let place = if processors.apart() {
        "server and load generator on a processor each"
    } else {
        "server and load generator on one processor"
    };
    format!(
        "{place}; other programs took {} of the machine, {} at most",
        percent(others.median),
        percent(others.most)
    )
}

/// Throws an order. The same orders every time: a result can be made again as it was made.
pub struct Dice(u64);

impl Dice {
    /// Before the first throw.
    pub fn new() -> Dice {
        Dice(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_thrown_anew_each_round_and_loses_nobody() {
        let mut dice = Dice::new();
        let mut order: Vec<u32> = (0..10).collect();
        dice.shuffle(&mut order);
        let first = order.clone();
        dice.shuffle(&mut order);
        assert_ne!(order, first);
        order.sort_unstable();
        assert_eq!(order, (0..10).collect::<Vec<u32>>());
    }
}
