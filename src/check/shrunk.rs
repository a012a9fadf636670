//! A failing schedule made small: runs what the search for it proposes, and says in words what is
//! left.

use crate::{
    exec::{StepNames, quietly},
    run::Runner,
    sched::{ChoiceKind, Held, Holds, Place, Recording, Replay, StepId},
    trace::{Event, Kind, Plan, Token, Trace},
};

use super::{
    Check, Failure, FailureKind,
    explore::{self, Failed},
    shrink::{Decides, Shrink, Smallest, Verdict},
};

/// What shrinking costs at most: schedules, and steps of all of them together.
const RUNS_MAX: u64 = 5_000;
const STEPS_MAX: u64 = 10_000_000;
/// From so many schedules or steps on, whenever their number doubles, it says how far it is.
const PROGRESS_FROM: (u64, u64) = (512, 1 << 21);
/// What a sentence says of what a step did.
const PHRASES_MAX: usize = 3;

/// How the schedule was made small.
///
/// # Examples
/// ```
/// use seedloop::{Check, choose};
/// let failure = Check::new().try_run(|| async { assert!(choose(100) < 60) }).unwrap_err();
/// assert_eq!(failure.told, ["main's 1st step chooses 60"]); // the least that fails
/// assert!(failure.shrunk.unwrap().found.to_string().starts_with("sl1-s."));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The schedules that were run for it.
    pub runs: u64,
    /// How many waits and choices it took before.
    pub from: usize,
    /// Replays the schedule as it was found.
    pub found: Token,
    /// The two steps whose order decides, and which order passes.
    pub decides: Option<String>,
}

/// What makes two failures the same: the kind, the words but not the numbers, the place of a panic.
#[derive(PartialEq, Eq)]
struct Identity {
    kind: FailureKind,
    words: Vec<String>,
    place: Option<String>,
}

impl Identity {
    fn of(failed: &Failed, place: Option<String>) -> Identity {
        let mut words: Vec<String> = failed.text.lines().map(words_of).collect();
        if failed.kind == FailureKind::Deadlock {
            // How many tasks are stuck in the same way, and in which order, is all one.
            words.retain(|line| !line.starts_with("  cycle:") && !line.starts_with("  and "));
            words.sort();
            words.dedup();
        }
        let place = place.filter(|_| failed.kind == FailureKind::Panic);
        Identity { kind: failed.kind, words, place }
    }
}

/// A line without its numbers and paths, up to who holds something up.
fn words_of(line: &str) -> String {
    let line = line.split(", held up by").next().unwrap_or_default();
    let line = line.split("; ready:").next().unwrap_or_default();
    let is_number = |c: char| c.is_ascii_digit() || c == '/';
    line.split(is_number).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("#")
}

/// Does the failure come from the schedule, so that a smaller one makes sense?
fn is_of_a_schedule(kind: FailureKind) -> bool {
    !matches!(
        kind,
        FailureKind::Interrupted
            | FailureKind::Diverged
            | FailureKind::Dependence
            | FailureKind::Nondeterminism
            | FailureKind::Usage
    )
}

impl Check {
    /// Makes the failing schedule small; `raw` is its list of choices.
    pub(super) fn shrunk(
        &self,
        failure: Box<Failure>,
        raw: &Token,
        main: explore::Main,
    ) -> Box<Failure> {
        if !self.shrinks || !is_of_a_schedule(failure.kind) {
            return failure;
        }
        let found = failure.token.clone().expect("a schedule that failed has a token");
        let mut runs = Runs::new(self, raw, main);
        let Some((smallest, from)) = runs.search(failure.kind) else { return failure };
        // What is printed is what counts.
        let printed = runs.token(&smallest.holds).to_string();
        let token: Token = printed.parse().expect("a token reads back");
        let (again, names) = quietly(|| self.recorded(&token, main)).0.expect(explore::JUST_MADE);
        let Some(failed) = again.failed.filter(|failed| failed.kind == failure.kind) else {
            return failure;
        };
        let decides = smallest.decides.and_then(|decides| match decides {
            Decides::Order(held, until) => {
                let (held, until) = (step(&names, held)?, step(&names, until)?);
                Some(format!("with {held} before {until} it passes"))
            }
            Decides::Choice(place) => {
                Some(format!("without what is chosen in {} it passes", step(&names, place.step)?))
            }
        });
        let told = tell(&smallest.holds, &names, &again.report.trace);
        Box::new(Failure {
            text: failed.text,
            reports: failed.reports,
            token: Some(token),
            trace: again.report.trace,
            main_events: again.report.main_events,
            digest: again.report.digest,
            told,
            shrunk: Some(Shrunk { runs: runs.count, from, found, decides }),
            ..*failure
        })
    }
}

/// The runs of candidates, one after another in the same memory.
struct Runs<'a> {
    check: &'a Check,
    main: explore::Main<'a>,
    runner: Runner,
    recording: Recording,
    count: u64,
    steps: u64,
}

impl<'a> Runs<'a> {
    fn new(check: &'a Check, raw: &Token, main: explore::Main<'a>) -> Runs<'a> {
        let Plan::Raw(picks) = &raw.plan else { unreachable!("it is a list of choices") };
        let recording = Recording::new(Box::new(Replay::new(picks.clone())));
        let mut config = check.again_config();
        config.set(raw.settings);
        let runner = Runner::with_scheduler(config, Box::new(recording.clone()));
        Runs { check, main, runner, recording, count: 0, steps: 0 }
    }

    /// Runs what the scheduler says. Panics are not printed: there may be thousands.
    fn run(&mut self) -> (explore::One, Option<String>) {
        self.count += 1;
        let _plan = self.runner.again(None);
        let (runner, main, rules) = (&mut self.runner, self.main, self.check.rules);
        let (one, place) = quietly(|| explore::one(runner, main, rules));
        self.steps += one.report.steps;
        (one, place)
    }

    /// The smallest failing schedule that is found, and how many parts there were at first.
    fn search(&mut self, kind: FailureKind) -> Option<(Smallest, usize)> {
        let (first, place) = self.run();
        let failed = first.failed.filter(|failed| failed.kind == kind)?;
        let identity = Identity::of(&failed, place);
        let start = self.recording.take();
        let from = start.holds.parts();
        let mut shrink = Shrink::new(start);
        let mut verdict = None;
        while self.count < RUNS_MAX
            && self.steps < STEPS_MAX
            && let Some(candidate) = shrink.next(verdict.take())
        {
            self.recording.choose_by(Box::new(Held::new(candidate)));
            let steps_before = self.steps;
            let (one, place) = self.run();
            let ran = self.recording.take();
            verdict = Some(match one.failed {
                None => Verdict::Passes(ran),
                Some(failed) if Identity::of(&failed, place) == identity => Verdict::Fails(ran),
                Some(_) => Verdict::Other,
            });
            if self.is_time_to_tell(steps_before) {
                let left = shrink.smallest().map_or(from, |smallest| smallest.holds.parts());
                let (count, steps) = (self.count, self.steps);
                eprintln!(
                    "seedloop: shrinks the failing schedule: after {count} runs of {steps} steps \
                     {left} of {from} waits and choices are left"
                );
            }
        }
        Some((shrink.smallest()?, from))
    }

    /// Has one of the numbers doubled since?
    fn is_time_to_tell(&self, steps_before: u64) -> bool {
        let runs = self.count >= PROGRESS_FROM.0 && self.count.is_power_of_two();
        let steps = self.steps >= PROGRESS_FROM.1 && self.steps.ilog2() > steps_before.ilog2();
        runs || steps
    }

    /// The token of this schedule.
    fn token(&mut self, holds: &Holds) -> Token {
        self.recording.choose_by(Box::new(Held::new(holds.clone())));
        let (one, _) = self.run();
        let names = self.runner.step_names();
        Token { plan: holds.to_plan(|step| names.name(step)), ..one.report.token }
    }
}

/// What a schedule says, in sentences: one for each wait, and for each choice inside a step.
pub(super) fn tell(holds: &Holds, names: &StepNames, trace: &Trace) -> Vec<String> {
    let mut held: Vec<(&StepId, &StepId)> = holds.holds.iter().collect();
    held.sort_by_key(|&(&step, _)| names.number(step).unwrap_or(u64::MAX));
    let wait = |(&held, &until): (&StepId, &StepId)| {
        let (who, whom) = (step(names, held)?, step(names, until)?);
        let (does, did) = (deeds(names, trace, held), deeds(names, trace, until));
        Some(format!("{who}{does} waits until {whom}{did} has run"))
    };
    let mut draws: Vec<(&Place, &u32)> = holds.draws.iter().collect();
    draws.sort_by_key(|&(place, _)| (names.number(place.step).unwrap_or(u64::MAX), place));
    let draw = |(place, &value): (&Place, &u32)| draw(names, *place, value);
    let waits = held.into_iter().filter_map(wait);
    waits.chain(draws.into_iter().filter_map(draw)).collect()
}

/// The sentences of a plan, if it is one of holds.
pub(super) fn tell_plan(plan: &Plan, names: &StepNames, trace: &Trace) -> Vec<String> {
    match plan {
        Plan::Holds { holds, draws } => tell(&Holds::of_plan(holds, draws), names, trace),
        Plan::Seed { .. } | Plan::Raw(_) => Vec::new(),
    }
}

fn draw(names: &StepNames, place: Place, value: u32) -> Option<String> {
    let at = step(names, place.step)?;
    Some(match (place.kind, names.hit(place)) {
        (ChoiceKind::Cancel, Some(task)) => {
            let what = if value == 2 { "an abort" } else { "a cancel" };
            format!("after {at} {what} of {task} is ready to be injected")
        }
        (ChoiceKind::Cancel, None) => format!("after {at} a cancellation is ready to be injected"),
        (ChoiceKind::SpuriousPoll, Some(task)) => {
            format!("after {at} {task} is polled although nothing wakes it")
        }
        (ChoiceKind::SpuriousPoll, None) => format!("after {at} a task is polled spuriously"),
        (ChoiceKind::Slip, _) => format!("after {at} the clock slips"),
        (ChoiceKind::User | ChoiceKind::Order, _) => format!("{at} chooses {value}"),
    })
}

/// A step as texts call it. `None` if it is not known.
fn step(names: &StepNames, step: StepId) -> Option<String> {
    let n = step.ordinal;
    let ordinal = match (n % 10, n % 100) {
        (1, last) if last != 11 => format!("{n}st"),
        (2, last) if last != 12 => format!("{n}nd"),
        (3, last) if last != 13 => format!("{n}rd"),
        _ => format!("{n}th"),
    };
    if step == StepId::START {
        return Some("the start".into());
    }
    if step.is_clock() {
        return Some(format!("the clock's {ordinal} move"));
    }
    let (label, name) = (names.label(step)?, names.name(step)?);
    if n == 0 {
        return Some(label.to_string());
    }
    let (who, what) = match **label == *"main" {
        true => ("", "step"),
        false if name.is_of_task() => ("task ", "step"),
        false => ("", "turn"),
    };
    match names.is_alone(label) {
        true => Some(format!("{who}{label}'s {ordinal} {what}")),
        false => Some(format!("{who}{label} ({})'s {ordinal} {what}", name.owner())),
    }
}

/// What a step did, in brackets; nothing if it is nothing to speak of.
fn deeds(names: &StepNames, trace: &Trace, step: StepId) -> String {
    let Some(number) = names.number(step) else { return String::new() };
    let told = |event: &&Event| {
        let routine = [
            Kind::Step,
            Kind::Call,
            Kind::Yield,
            Kind::Foreign,
            Kind::Await,
            Kind::Turn,
            Kind::Sleep,
            Kind::Park,
            Kind::Drop,
        ];
        let clocks = [Kind::Advance, Kind::Slip];
        event.step == number && !routine.contains(&event.kind) && !clocks.contains(&event.kind)
    };
    let deeds: Vec<String> =
        trace.events().iter().filter(told).take(PHRASES_MAX).map(Event::phrase).collect();
    if deeds.is_empty() { String::new() } else { format!(" ({})", deeds.join(", ")) }
}

impl Holds {
    /// How many waits and choices inside steps.
    fn parts(&self) -> usize {
        self.holds.len() + self.draws.len()
    }
}
