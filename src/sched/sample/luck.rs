//! The chance of one run, so that the runs of a seed do not repeat each other more than they must.

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

use super::super::{ChoiceKind, random};
use crate::trace::mix;

/// The golden ratio's fraction, of 2^64.
const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
/// The point can tell so many values apart in what is drawn last from it.
const VALUES_MIN: u64 = 1 << 24;

/// The chance of one run: a point between 0 and 1, from which the first draws are read as a decoder
/// reads an arithmetic code, then a stream; and a number that belongs to a name.
///
/// The points of successive runs lie as evenly as they can: each is a golden ratio on (Weyl, "Über
/// die Gleichverteilung von Zahlen mod. Eins", 1916). So a first draw that one run of twenty has
/// comes again within 53 runs, where independent draws might take a hundred. The point is shifted
/// by a random number that belongs to the seed (Cranley and Patterson, "Randomization of number
/// theoretic methods for multiple integration", 1976), and after every draw by another that belongs
/// to all that was drawn: each run's draws are as random as any, and later ones do not keep time
/// with earlier ones.
pub(super) struct Luck {
    point: u64,
    /// How many values the point can tell apart.
    values: u64,
    /// What the point is shifted by: stands for all that was drawn.
    shift: u64,
    stream: ChaCha8Rng,
    salt: u64,
}

impl Luck {
    /// Of this run of the seed, which is this one of its algorithm's.
    pub(super) fn new(seed: u64, run: u64, turn: u64) -> Luck {
        let mut stream = random::stream(seed, run, ChoiceKind::Order as u64);
        let salt = stream.next_u64();
        let (point, shift) = (turn.wrapping_mul(GOLDEN_RATIO), mix(seed, GOLDEN_RATIO));
        Luck { point, values: u64::MAX, shift, stream, salt }
    }

    /// Uniform below 2^64.
    pub(super) fn number(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// Uniform below `n`, which is 1 or more.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let (drawn, rest) = self.draw(n);
        self.go_into(drawn, rest.into(), 1, n);
        drawn
    }

    /// A place in `weights`, each as likely as its weight says. One of them is not 0.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let total = weights.iter().sum::<u64>().max(1);
        let (mut drawn, rest) = self.draw(total);
        for (at, &weight) in weights.iter().enumerate() {
            if drawn < weight {
                let inside = u128::from(drawn) << 64 | u128::from(rest);
                self.go_into(at as u64, inside, weight, total);
                return at;
            }
            drawn -= weight;
        }
        0
    }

    /// Uniform below `n`, and how far into that value.
    fn draw(&mut self, n: u64) -> (u64, u64) {
        if self.values / n >= VALUES_MIN {
            let point = self.point.wrapping_add(self.shift);
            let scaled = u128::from(point) * u128::from(n);
            return ((scaled >> 64) as u64, scaled as u64);
        }
        let drawn = match u32::try_from(n) {
            Ok(n) => random::below(&mut self.stream, n).into(),
            Err(_) => self.stream.next_u64() % n,
        };
        (drawn, 0)
    }

    /// The point is in the part of this number, which is `weight` of `total`, and so far inside.
    fn go_into(&mut self, part: u64, inside: u128, weight: u64, total: u64) {
        self.point = (inside / u128::from(weight)) as u64;
        let values = u128::from(self.values) * u128::from(weight) / u128::from(total);
        (self.values, self.shift) = (values as u64, mix(self.shift, part));
    }

    /// One for each kind of choice.
    pub(super) fn coin(&self, kind: ChoiceKind) -> bool {
        self.of(kind as u64) >> 63 == 1
    }

    /// A random number for a name: the same whenever it is asked, in whatever order names turn up.
    pub(super) fn of(&self, name: u64) -> u64 {
        mix(mix(self.salt, name), self.salt)
    }
}
