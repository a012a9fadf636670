//! Which algorithm a run of the portfolio is by.

use super::{Algorithm, LESSONS};

/// The random walk comes most often: it alone does not mind tasks that have nothing to do with the
/// bug.
const TURNS: [Algorithm; 10] = [
    Algorithm::Random,
    Algorithm::Pct(2),
    Algorithm::Urw,
    Algorithm::Random,
    Algorithm::Pos,
    Algorithm::Surw,
    Algorithm::Pct(3),
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
