//! A random walk: every ready handle is equally likely to be next. Immune to tasks that have
//! nothing to do with the bug; finds most published ones within a few dozen runs.
//!
//! Each kind of choice draws from a ChaCha8 stream of its own, so that a new kind, or one more
//! fault point, does not reshuffle the order. The reduction to a menu is frozen here (Lemire,
//! "Fast random integer generation in an interval", 2019), so that no dependency can change it.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// One fault choice in this many is taken, if nothing else is said.
pub(super) const FAULT_ONE_IN: u32 = 4;

/// The random walk over all runs of a seed: every ready handle is equally likely to be next, and
/// one fault choice in four is taken.
///
/// Each kind of choice draws from a ChaCha8 stream of its own (Bernstein, "ChaCha, a variant of
/// Salsa20", 2008), reduced to the menu as in Lemire, "Fast random integer generation in an
/// interval" (2019).
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, gather, log, sched::RandomWalk};
/// let first = |run| {
///     let walk = Box::new(RandomWalk::new(0, run));
///     let mut runner = Runner::with_scheduler(Config::default().record(true), walk);
///     runner.run(async { gather((async { log("a") }, async { log("b") })).await })?;
///     let trace = runner.finish().trace;
///     Ok::<String, Error>(trace.logs().next().unwrap().1.into())
/// };
/// let firsts: Vec<String> = (0..20).map(first).collect::<Result<_, _>>()?;
/// assert!(firsts.contains(&"a".into()) && firsts.contains(&"b".into()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomWalk {
    seed: u64,
    run: u64,
    streams: [Option<ChaCha8Rng>; ChoiceKind::ALL.len()],
    /// By kind, one fault choice in how many is taken.
    faults_one_in: [u32; ChoiceKind::ALL.len()],
}

impl RandomWalk {
    /// The name that stands for it in tokens.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, sched::RandomWalk};
    /// let token = Runner::seeded(Config::default(), 7, 41).finish().token;
    /// assert!(token.to_string().starts_with(&format!("sl1-s.{}.7.41-", RandomWalk::NAME)));
    /// ```
    pub const NAME: &'static str = "random";

    /// Starts at run `run` of `seed`. Run k depends on the two numbers alone.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{RandomWalk, RunPlan, Scheduler};
    /// let mut walk = RandomWalk::new(7, 41);
    /// assert_eq!(walk.next_run(None), Some(RunPlan { run: 41 }));
    /// ```
    pub fn new(seed: u64, run: u64) -> RandomWalk {
        let streams = [const { None }; ChoiceKind::ALL.len()];
        RandomWalk { seed, run, streams, faults_one_in: [FAULT_ONE_IN; ChoiceKind::ALL.len()] }
    }

    /// Takes one fault choice of a kind in so many.
    pub(super) fn faults_one_in(&mut self, kind: ChoiceKind, one_in: u32) {
        self.faults_one_in[kind as usize] = one_in;
    }

    fn stream(&mut self, kind: ChoiceKind) -> &mut ChaCha8Rng {
        let (seed, run) = (self.seed, self.run);
        self.streams[kind as usize].get_or_insert_with(|| stream(seed, run, kind as u64))
    }
}

/// The stream of this number of one run.
pub(super) fn stream(seed: u64, run: u64, number: u64) -> ChaCha8Rng {
    let mut key = *b"????????????????seedloop choices";
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&run.to_le_bytes());
    let mut stream = ChaCha8Rng::from_seed(key);
    stream.set_stream(number);
    stream
}

/// A uniform number below `n`, by widening multiplication; rejects what would be biased.
pub(super) fn below(stream: &mut impl Rng, n: u32) -> u32 {
    loop {
        let product = u64::from(stream.next_u32()) * u64::from(n);
        let low = product as u32;
        if low >= n || low >= n.wrapping_neg() % n {
            return (product >> 32) as u32;
        }
    }
}

impl Scheduler for RandomWalk {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        if !menu.kind().is_fault() {
            return below(self.stream(menu.kind()), menu.len());
        }
        let one_in = self.faults_one_in[menu.kind() as usize];
        let stream = self.stream(menu.kind());
        match below(stream, one_in) {
            0 => 1 + below(stream, menu.len() - 1),
            _ => 0,
        }
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        if last.is_some() {
            *self = RandomWalk::new(self.seed, self.run + 1);
        }
        Some(RunPlan { run: self.run })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Sampled
    }
}
