//! Which algorithm a run of the portfolio is by.

use super::Algorithm;

/// Most often come the random walk, which does not mind tasks that have nothing to do with the bug,
/// and SURW, which finds what is deepest.
const TURNS: [Algorithm; 12] = [
    Algorithm::Random,
    Algorithm::Surw,
    Algorithm::Pct(2),
    Algorithm::Urw,
    Algorithm::Random,
    Algorithm::Surw,
    Algorithm::Pos,
    Algorithm::Pct(3),
    Algorithm::Random,
    Algorithm::Surw,
    Algorithm::Pct(1),
    Algorithm::PctUrw(2),
];

/// The algorithm of this run, and as which of its runs.
pub(super) fn turn(run: u64) -> (Algorithm, u64) {
    let (round, at) = (run / TURNS.len() as u64, (run % TURNS.len() as u64) as usize);
    let algorithm = TURNS[at];
    let runs = |of: &[Algorithm]| of.iter().filter(|&&other| other == algorithm).count() as u64;
    (algorithm, round * runs(&TURNS) + runs(&TURNS[..at]))
}
