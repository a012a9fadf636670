//! The running digest of a run: 128 bits over every event. Equal digests mean equal runs, up to
//! chance; the function is frozen, a golden test holds it.

use std::fmt;

use super::Kind;

/// A multiplier with well-spread bits: 2^64 over the golden ratio.
const PHI: u64 = 0x9E37_79B9_7F4A_7C15;
/// Another: from splitmix64's finaliser.
const STIR: u64 = 0xBF58_476D_1CE4_E5B9;

/// Folds a word into a key: both halves of the 128-bit product, so that each bit reaches all.
#[inline]
pub(crate) fn mix(key: u64, word: u64) -> u64 {
    let product = u128::from(key ^ PHI) * u128::from(word ^ STIR | 1);
    (product as u64) ^ ((product >> 64) as u64) ^ key.rotate_left(29).wrapping_add(word)
}

/// Folds bytes into a key.
pub(crate) fn mix_bytes(key: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let key = words
        .iter()
        .fold(mix(key, bytes.len() as u64), |key, word| mix(key, u64::from_le_bytes(*word)));
    match rest {
        [] => key,
        rest => mix(key, rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))),
    }
}

/// The digest of a run so far: 128 bits over every event, in order. Equal digests mean equal runs,
/// up to chance; against intent it protects nothing. Its constants are those of splitmix64 (Steele,
/// Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner, log};
/// let digest = |text: &'static str| {
///     let mut runner = Runner::new(Config::default());
///     runner.run(async move { log(text) }).unwrap();
///     runner.finish().digest
/// };
/// assert_eq!(digest("a"), digest("a"));
/// assert_ne!(digest("a"), digest("b"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    low: u64,
    high: u64,
}

impl Digest {
    #[inline]
    pub(crate) fn add(&mut self, kind: Kind, actor: u64, object: u64, value: u64) {
        self.low = mix(self.low ^ actor, object.wrapping_add(kind as u64));
        self.high = mix(self.high.wrapping_add(self.low), value ^ kind as u64);
    }

    /// The first 32 bits: what a token carries.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner};
    /// let report = Runner::new(Config::default()).finish();
    /// let last = format!("-{:08x}", report.digest.short());
    /// assert!(report.token.to_string().ends_with(&last));
    /// ```
    pub fn short(self) -> u32 {
        (self.low >> 32) as u32
    }

    /// Four bits: what a token carries per checked step.
    pub(crate) fn nibble(self) -> u8 {
        (self.high >> 60) as u8
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_frozen() {
        let mut digest = Digest::default();
        digest.add(Kind::Step, 1, 2, 3);
        digest.add(Kind::Finished, 1, 0, 0);
        assert_eq!(digest.to_string(), "dc72a1260bd6c1fee1bf8f208c958c4a");
        assert_eq!(mix_bytes(7, b"seedloop"), 12_336_166_304_219_197_518);
    }
}
