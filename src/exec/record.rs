//! What a run writes down as it goes, and what a replay holds against it.

use std::{fmt, sync::Arc};

use crate::{
    kernel::{CallId, FutureId, TaskId},
    trace::{Checks, Digest, Event, Kind, Pick, Plan, Token, Trace},
};

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Thing<'a> {
    None,
    Task(TaskId),
    Future(FutureId),
    Call(CallId),
    Text(&'a str),
    /// What somebody did with something that threads share; the key stands for both.
    Deed {
        verb: &'a str,
        label: &'a str,
        key: u64,
    },
}

/// The digest always, the events if they are wanted.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) digest: Digest,
    pub(crate) checks: Checks,
    pub(crate) trace: Option<Trace>,
    /// The events before main's end.
    pub(crate) main_events: usize,
    record: bool,
    /// Handles run since the clock moved.
    pub(crate) instant_steps: u64,
    /// The handle that runs: 1 is the first.
    step: u64,
}

impl Recorder {
    pub(crate) fn new(record: bool) -> Recorder {
        Recorder {
            digest: Digest::default(),
            checks: Checks::default(),
            trace: record.then(Trace::default),
            main_events: 0,
            record,
            instant_steps: 0,
            step: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.digest = Digest::default();
        self.checks.clear();
        self.trace = self.record.then(Trace::default);
        (self.main_events, self.instant_steps, self.step) = (0, 0, 0);
    }

    /// Main has ended: what comes is the clean-up.
    pub(crate) fn mark_main_end(&mut self) {
        self.main_events = self.trace.as_ref().map_or(0, |trace| trace.events().len());
    }

    #[inline]
    pub(crate) fn begin_step(&mut self) {
        self.step += 1;
        self.instant_steps += 1;
    }

    #[inline]
    pub(crate) fn steps(&self) -> u64 {
        self.step
    }

    pub(crate) fn event(
        &self,
        (iteration, time_ns): (u64, u64),
        actor: Arc<str>,
        kind: Kind,
        object: Option<Arc<str>>,
        value: u64,
    ) -> Event {
        Event { step: self.step, iteration, time_ns, actor, kind, object, value }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if let Some(trace) = &mut self.trace {
            trace.push(event);
        }
    }
}

/// Where a replay left the run that its token is of.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, yield_now};
/// async fn yields(times: u32) -> Result<(), Error> {
///     for _ in 0..times {
///         yield_now().await?;
///     }
///     Ok(())
/// }
/// let mut first = Runner::new(Config::default());
/// first.run(yields(2))?;
/// let token = first.finish().token;
/// let mut changed = Runner::replay(&token).unwrap();
/// let Err(Error::Diverged(divergence)) = changed.run(yields(3)) else { panic!("it changed") };
/// assert!(divergence.to_string().contains("at step 4: the program did something else"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The step: handles run, from 1. With long runs the first of the steps that were compared.
    pub step: u64,
    /// What the token says.
    pub expected: String,
    /// What happened instead.
    pub got: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { step, expected, got } = self;
        write!(
            f,
            "diverged at step {step}: the program did something else than when the token was made. \
             If it has changed since (the bug is mended?), run it without the token; if not, \
             its schedule does not determine it (expected {expected}, got {got})"
        )
    }
}

/// What a token says must come out.
#[derive(Debug)]
pub(crate) struct Expect {
    token: Token,
    /// The picks of a raw plan that are still to come, last first.
    picks: Vec<Pick>,
    pub(crate) diverged: Option<Divergence>,
}

impl Expect {
    pub(crate) fn new(token: &Token) -> Expect {
        let picks = match &token.plan {
            Plan::Raw(picks) => picks.iter().rev().copied().collect(),
            Plan::Seed { .. } | Plan::Holds { .. } => Vec::new(),
        };
        Expect { token: token.clone(), picks, diverged: None }
    }

    fn fail(&mut self, step: u64, expected: String, got: String) {
        self.diverged.get_or_insert(Divergence { step, expected, got });
    }

    /// A choice was made in this step: a raw token knows its menus.
    pub(crate) fn chose(&mut self, pick: Pick, step: u64) {
        if self.picks.last().is_some_and(|expected| expected.index == pick.index)
            && let Some(expected) = self.picks.pop()
            && expected != pick
        {
            let says = |pick: Pick| {
                format!("choice {} to be {:?} of {}", pick.index, pick.kind, pick.menu)
            };
            self.fail(step, says(expected), says(pick));
        }
    }

    /// A step has ended: its digest may be one that the token knows.
    pub(crate) fn stepped(&mut self, step: u64, digest: Digest) {
        let steps = self.token.checks.steps;
        if step > steps {
            self.fail(step, format!("the end after {steps} steps"), "another step".into());
        } else if let Some(expected) = self.token.checks.at(step)
            && expected != digest.nibble()
        {
            let expected = format!("a step whose check is {expected:x}");
            let got = format!("one of {:x}", digest.nibble());
            self.fail(step, expected, got);
        }
    }

    /// The run is over.
    pub(crate) fn ended(&mut self, steps: u64, digest: Digest) {
        let expected = self.token.checks.steps;
        if steps != expected {
            self.fail(steps, format!("{expected} steps"), format!("the end after {steps}"));
        } else if let Some(pick) = self.picks.pop() {
            self.fail(steps, format!("a choice {}", pick.index), "the end before it".into());
        } else if self.token.digest != digest.short() {
            let (expected, got) = (self.token.digest, digest.short());
            self.fail(steps, format!("digest {expected:08x}"), format!("{got:08x}"));
        }
    }
}
