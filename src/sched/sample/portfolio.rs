//! Which algorithm a run of the portfolio is by.

use super::{Algorithm, LESSONS};

/// The random walk comes most often: it alone does not mind tasks that have nothing to do with the
/// bug. Then the one that finds what is deepest.
const TURNS: [Algorithm; 11] = [
    Algorithm::Random,
    Algorithm::Surw,
    Algorithm::Pct(2),
    Algorithm::Urw,
    Algorithm::Random,
    Algorithm::Pos,
    Algorithm::Pct(3),
    Algorithm::Surw,
    Algorithm::Random,
    Algorithm::Pct(1),
    Algorithm::PctUrw(2),
];

/// The algorithm of this run. The first ones walk at random.
pub(super) fn member(run: u64) -> Algorithm {
    match run.checked_sub(LESSONS) {
        Some(turn) => TURNS[(turn % TURNS.len() as u64) as usize],
        None => Algorithm::Random,
    }
}
