//! Checks on several threads.

use std::{num::NonZero, panic::Location, thread};

use super::{
    Check, Failure, Report,
    crew::{Crew, SharedMain},
    environment::Environment,
    explore::main_of,
};
use crate::task::Outcome;

/// A check whose schedules run on several threads, each with event loops of its own: by
/// [`Check::jobs`]. `SEEDLOOP_JOBS` goes before the number that the program says.
///
/// # Examples
/// ```
/// use seedloop::{Check, gather, yield_now};
/// let program = || async { gather([yield_now(), yield_now()]).await };
/// let report = Check::new().jobs(2).run(program);
/// assert_eq!(report, Check::new().run(program)); // the same, whatever the number
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check does nothing until `run`"]
pub struct Jobs {
    check: Check,
    jobs: usize,
}

impl Check {
    /// Runs schedules on so many threads, also those of a search; 0 for as many as the machine has.
    /// What comes out does not depend on the number. It is the last word before `run`. The program
    /// must be one that threads can share (`Sync`): make an `Rc` inside of it. A panic is printed
    /// by the thread on which it happens, also that of a schedule which is not the first that
    /// fails.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, choose};
    /// let program = || async { assert!(choose(100) < 60) };
    /// let failure = |jobs| Check::new().jobs(jobs).try_run(program).unwrap_err();
    /// let (one, four) = (failure(1), failure(4));
    /// assert_eq!((one.schedule, one.token), (four.schedule, four.token));
    /// ```
    pub fn jobs(self, jobs: usize) -> Jobs {
        Jobs { check: self, jobs }
    }
}

impl Jobs {
    /// As [`Check::run`].
    ///
    /// # Panics
    /// As [`Check::run`].
    #[track_caller]
    pub fn run<P, F, M>(self, program: P) -> Report
    where
        P: Fn() -> F + Sync,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.try_run(program).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`Check::try_run`].
    ///
    /// # Errors
    /// The first schedule that fails, by its number.
    #[track_caller]
    pub fn try_run<P, F, M>(mut self, program: P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F + Sync,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let environment = Environment::read().map_err(|text| Box::new(Failure::usage(text)))?;
        let jobs = match environment.jobs.unwrap_or(self.jobs) {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            jobs => jobs,
        };
        let main = main_of(Location::caller(), &program);
        self.check.obey(&environment);
        match &environment.replay {
            Some(token) => self.check.replay(token, &main),
            None => {
                let threads = (jobs > 1).then_some((jobs, &main as SharedMain));
                self.check.explore(&Crew { main: &main, threads })
            }
        }
    }
}
