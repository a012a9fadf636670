//! What a sample of schedules says of those that it has not seen.

use std::{collections::BTreeMap, fmt};

use crate::trace::Digest;

/// How many different schedules are counted one by one.
const DISTINCT_MAX: usize = 1 << 16;

/// The quantile of the normal distribution at 95 %.
const Z: f64 = 1.645;

/// What a sample of schedules says of those that it has not seen. It is about schedules that differ
/// in any event, and about this way to sample; it does not say which share of all has been seen.
///
/// # Examples
/// ```
/// use seedloop::{Check, gather, yield_now};
/// let report = Check::new().run(|| async { gather([yield_now(), yield_now()]).await });
/// // A few orders, each seen often: hardly any other is left.
/// assert!(report.unseen.next_is_new() < 0.01);
/// assert!(report.unseen.at_most() < 0.02);
/// assert_eq!(report.unseen.exist_at_least(report.distinct), report.distinct);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unseen {
    /// The schedules of the sample.
    pub sampled: u64,
    /// Those that were seen once, and twice.
    pub once: u64,
    /// See `once`.
    pub twice: u64,
    /// The schedules in the second half of the sample.
    pub late: u64,
    /// Those of them that were new.
    pub late_new: u64,
}

impl Unseen {
    /// The probability that the next schedule is one that was not seen: what was seen once, of all
    /// (Good, "The population frequencies of species", 1953, who thanks Turing).
    pub fn next_is_new(&self) -> f64 {
        self.once as f64 / self.sampled.max(1) as f64
    }

    /// That probability is at most this, with a confidence of 95 %: Wilson's bound on the share of
    /// new schedules in the second half of the sample; `3/n` if there was none.
    pub fn at_most(&self) -> f64 {
        let (n, new) = (self.late.max(1) as f64, self.late_new as f64);
        if self.late_new == 0 {
            return (3.0 / n).min(1.0);
        }
        let (share, z) = (new / n, Z);
        let root = (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        ((share + z * z / (2.0 * n) + z * root) / (1.0 + z * z / n)).min(1.0)
    }

    /// So many different schedules exist, or more, if `distinct` were seen (Chao, "Nonparametric
    /// estimation of the number of classes in a population", 1984, in the form without bias).
    pub fn exist_at_least(&self, distinct: u64) -> u64 {
        let (once, twice) = (self.once as f64, self.twice as f64);
        distinct + (once * (once - 1.0) / (2.0 * (twice + 1.0))).max(0.0) as u64
    }
}

/// Nothing if not all schedules were counted, else ", ..." as a report goes on.
impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sampled == 0 {
            return Ok(());
        }
        let (next, most) = (self.next_is_new() * 100.0, self.at_most() * 100.0);
        write!(f, ", the next is new with probability {next:.1} %, at most {most:.1} %")
    }
}

/// The schedules that were seen, each with how often.
pub(super) struct Seen {
    counts: BTreeMap<Digest, u64>,
    unseen: Unseen,
    /// How many there will be.
    all: u64,
    is_full: bool,
}

impl Seen {
    pub(super) fn new(all: u64) -> Seen {
        Seen { counts: BTreeMap::new(), unseen: Unseen::default(), all, is_full: false }
    }

    pub(super) fn add(&mut self, digest: Digest) {
        if self.counts.len() == DISTINCT_MAX {
            self.is_full = true;
            return;
        }
        let count = self.counts.entry(digest).or_default();
        *count += 1;
        let Unseen { sampled, once, twice, late, late_new } = &mut self.unseen;
        match count {
            1 => *once += 1,
            2 => (*once, *twice) = (*once - 1, *twice + 1),
            3 => *twice -= 1,
            _ => {}
        }
        if *sampled >= self.all / 2 {
            *late += 1;
            *late_new += u64::from(*count == 1);
        }
        *sampled += 1;
    }

    pub(super) fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    /// Zeros if there were more than are counted.
    pub(super) fn unseen(&self) -> Unseen {
        if self.is_full { Unseen::default() } else { self.unseen }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng, SeedableRng},
    };

    use super::*;
    use crate::trace::Kind;

    /// A sample of classes of which the k-th of 200 is drawn with weight 1/k.
    fn sample(seed: u64, size: u64) -> (Seen, f64) {
        let weights: Vec<f64> = (1..=200).map(|k| 1.0 / f64::from(k)).collect();
        let all: f64 = weights.iter().sum();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut seen, mut drawn) = (Seen::new(size), vec![false; weights.len()]);
        for _ in 0..size {
            let mut at = f64::from(rng.next_u32()) / f64::from(u32::MAX) * all;
            let class = weights.iter().position(|weight| {
                at -= weight;
                at <= 0.0
            });
            let class = class.unwrap_or(0);
            drawn[class] = true;
            let mut digest = Digest::default();
            digest.add(Kind::Step, class as u64, 0, 0);
            seen.add(digest);
        }
        let unseen = weights.iter().zip(&drawn).filter(|(_, drawn)| !**drawn).map(|(w, _)| w / all);
        (seen, unseen.sum())
    }

    /// Against the truth, over 200 samples: right on average; the bound is broken rarely.
    #[test]
    fn estimates_are_near_the_truth() {
        for size in [100, 1_000] {
            let (mut estimated, mut true_mass, mut broken, mut too_many) = (0.0, 0.0, 0, 0);
            for seed in 0..200 {
                let (seen, truth) = sample(seed, size);
                let unseen = seen.unseen();
                estimated += unseen.next_is_new();
                true_mass += truth;
                broken += u64::from(truth > unseen.at_most());
                too_many += u64::from(unseen.exist_at_least(seen.distinct()) > 260);
            }
            let off = (estimated - true_mass).abs() / true_mass;
            assert!(off < 0.05, "{size}: off by {off}");
            assert!(broken <= 10, "{size}: {broken} of 200");
            assert!(too_many <= 10, "{size}: {too_many} of 200");
        }
    }
}
