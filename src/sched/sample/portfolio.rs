//! Which algorithm a run of the portfolio is by.

use super::Algorithm;

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

/// The algorithm of this turn.
pub(super) fn member(turn: u64) -> Algorithm {
    TURNS[(turn % TURNS.len() as u64) as usize]
}
