//! Trials: how many schedules a sampler needs until a program fails. Knows nothing of the programs.
//! A trial is its program, its sampler and its seed; which thread runs it shows nowhere.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use seedloop::{
    Config, Error, Runner,
    sched::{Algorithm, RunReport, Sampler, Scheduler},
};

use crate::programs::{Program, Start, VIOLATED};

const THREADS: usize = 2;
/// No program takes a tenth of it.
const STEPS_MAX: u64 = 20_000;

/// Makes the sampler of a seed.
pub(crate) type Make = fn(u64) -> Box<dyn Scheduler>;

/// The samplers of the table, each with its name.
pub(crate) fn samplers() -> Vec<(&'static str, Make)> {
    fn sampler(algorithm: Algorithm, seed: u64) -> Box<dyn Scheduler> {
        Box::new(Sampler::new(algorithm, seed))
    }
    vec![
        ("random", |seed| sampler(Algorithm::Random, seed)),
        ("pct1", |seed| sampler(Algorithm::Pct(1), seed)),
        ("pct2", |seed| sampler(Algorithm::Pct(2), seed)),
        ("pct3", |seed| sampler(Algorithm::Pct(3), seed)),
        ("pos", |seed| sampler(Algorithm::Pos, seed)),
        ("urw", |seed| sampler(Algorithm::Urw, seed)),
        ("surw", |seed| sampler(Algorithm::Surw, seed)),
        ("pcturw2", |seed| sampler(Algorithm::PctUrw(2), seed)),
        ("portfolio", |seed| sampler(Algorithm::Portfolio, seed)),
    ]
}

/// What all trials of a table have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) start: Start,
    /// Seeds 0, 1, ... of each program and sampler.
    pub(crate) trials: u64,
    /// So many schedules without the bug end a trial.
    pub(crate) schedules_max: u64,
}

/// The trials of one program under one sampler.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trials {
    /// For each seed the number of the first schedule, from 1, that shows the bug.
    pub(crate) first_bugs: Vec<Option<u64>>,
}

impl Trials {
    fn found(&self) -> Vec<f64> {
        self.first_bugs.iter().flatten().map(|&schedules| schedules as f64).collect()
    }
}

/// Mean and standard deviation of the sample over the trials that have found the bug, and how many
/// have.
impl fmt::Display for Trials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found();
        if found.is_empty() {
            return f.write_str("- (0)");
        }
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let squares: f64 = found.iter().map(|schedules| (schedules - mean).powi(2)).sum();
        let deviation = (squares / (found.len() - 1).max(1) as f64).sqrt();
        write!(f, "{mean:.0} ± {deviation:.0} ({})", found.len())
    }
}

/// The trials of every program under every sampler: a row for each program.
pub(crate) fn run_trials(
    programs: &[Program],
    samplers: &[(&str, Make)],
    setup: Setup,
) -> Vec<Vec<Trials>> {
    let trials = setup.trials as usize;
    let jobs = programs.len() * samplers.len() * trials;
    let next = AtomicUsize::new(0);
    let first_bugs = Mutex::new(vec![None; jobs]);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    let (cell, seed) = (job / trials, job % trials);
                    let program = programs[cell / samplers.len()];
                    let sampler = samplers[cell % samplers.len()].1(seed as u64);
                    let found = first_bug(program, sampler, setup);
                    first_bugs.lock().expect("no trial panics")[job] = found;
                }
            });
        }
    });
    let first_bugs = first_bugs.into_inner().expect("no trial panics");
    let cells = first_bugs.chunks(trials).map(|trials| Trials { first_bugs: trials.to_vec() });
    let cells: Vec<Trials> = cells.collect();
    cells.chunks(samplers.len()).map(<[Trials]>::to_vec).collect()
}

/// The first schedule that shows the bug, if one of the setup's does.
fn first_bug(program: Program, sampler: Box<dyn Scheduler>, setup: Setup) -> Option<u64> {
    let mut runner = Runner::with_scheduler(config(), sampler);
    let mut last = None;
    for schedules in 1..=setup.schedules_max {
        runner.again(last.as_ref())?;
        let (is_bug, report) = run_once(&mut runner, program, setup.start);
        if is_bug {
            return Some(schedules);
        }
        last = Some(report);
    }
    None
}

fn config() -> Config {
    Config::default().steps_max(STEPS_MAX).tracked(true).probe(false)
}

/// Does the run show the bug?
fn run_once(runner: &mut Runner, program: Program, start: Start) -> (bool, RunReport) {
    // After the first failed task nobody asks for the others.
    runner.set_exception_handler(|_| {});
    let ran = runner.run((program.main)(start));
    let is_bug = match &ran {
        Ok(()) => false,
        Err(Error::Deadlock(_) | Error::Panicked(_)) => true,
        Err(Error::InvalidState(text)) if *text == VIOLATED => true,
        Err(Error::StepCap(_) | Error::Livelock(..) | Error::Interrupted) => false,
        Err(error) => panic!("no bug of {}: {error}", program.name),
    };
    (is_bug, runner.end().summary(!is_bug))
}

/// In asyncio's order: does it show the bug, and how many steps does it take?
pub(crate) fn in_order(program: Program, start: Start) -> (bool, u64) {
    let (is_bug, report) = run_once(&mut Runner::new(config()), program, start);
    (is_bug, report.steps)
}
