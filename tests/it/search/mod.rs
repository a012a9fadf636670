//! Exhaustive search, against counts that are known from elsewhere and against brute force.

mod check;
mod fuzz;
mod jobs;
mod known;
mod primitives;
mod programs;
mod threads;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
    time::{Duration, Instant},
};

use seedloop::{
    Config, Error, RunReport, Runner,
    sched::{Certificate, ClassId, Evidence, Refusal, Search, Step, StepId},
};

/// Sets a program up, in its main task: spawns its tasks. Gives what reads its outcome at rest.
type Program = Rc<dyn Fn() -> Read>;
type Read = Box<dyn Fn() -> String>;

/// All that a search has found.
struct Explored {
    complete: u64,
    abandoned: u64,
    classes: BTreeSet<ClassId>,
    outcomes: BTreeSet<String>,
    evidence: Evidence,
    took: Duration,
}

impl Explored {
    fn check(&self) -> Result<Certificate, Refusal> {
        self.evidence.check()
    }

    /// Is anything chosen inside a step? Those choices sleep and wake as one, so a class may be run
    /// more than once.
    fn has_choices(&self) -> bool {
        self.evidence.steps().iter().any(|step| !step.choices.is_empty())
    }
}

/// Runs a program, whose main task waits for ever once it has set it up. Its outcome, if the run
/// was not given up.
fn run(program: &Program, runner: &mut Runner) -> (RunReport, Option<String>) {
    let read: Rc<RefCell<Option<Read>>> = Rc::default();
    let (made, setup) = (read.clone(), program.clone());
    runner.set_exception_handler(|_| {});
    let ran = runner.run(async move {
        made.replace(Some(setup()));
        std::future::pending::<Result<(), Error>>().await
    });
    let outcome = match ran {
        Err(Error::Deadlock(deadlock)) => {
            let stuck = deadlock.tasks.len() - 1;
            let read = read.borrow().as_ref().map_or_else(String::new, |read| read());
            Some(if stuck > 0 { format!("{read} STUCK {stuck}") } else { read })
        }
        Err(Error::Interrupted) => None,
        other => panic!("main cannot end: {other:?}"),
    };
    (runner.end(), outcome)
}

/// Searches a program. `None` if that takes more than `most` runs.
fn explore(search: Search, program: &Program, config: &Config, most: u64) -> Option<Explored> {
    let start = Instant::now();
    let search = search.counting_classes();
    let config = config.clone().one_by_one(true).probe(false);
    let mut outcomes = BTreeSet::new();
    let mut runner = Runner::with_scheduler(config, Box::new(search.clone()));
    let mut last = None;
    while runner.again(last.as_ref()).is_some() {
        if search.found().complete + search.found().abandoned >= most {
            return None;
        }
        let (ran, outcome) = run(program, &mut runner);
        outcomes.extend(outcome);
        last = Some(ran.summary(true));
    }
    let took = start.elapsed();
    let found = search.found();
    assert!(found.is_over, "{found:?}");
    let evidence = search.take_evidence();
    let (complete, abandoned, classes) = (found.complete, found.abandoned, found.classes);
    Some(Explored { complete, abandoned, classes, outcomes, evidence, took })
}

/// What tells one run from another: its steps, and what was chosen inside them.
type Order = Vec<(StepId, Vec<u32>)>;

/// Swaps each two neighbours that are independent, in each run of a full enumeration: that must be
/// a run too, of the same steps. The first pair of which it is not so.
fn audit(evidence: &Evidence) -> Result<(), String> {
    let steps = |run: &[u32]| -> Vec<&Step> {
        run.iter().map(|&step| &evidence.steps()[step as usize]).collect()
    };
    let name = |step: &&Step| (step.id, step.choices.iter().map(|choice| choice.value).collect());
    let order = |steps: &[&Step]| -> Order { steps.iter().map(name).collect() };
    let runs: HashMap<Order, Vec<&Step>> =
        evidence.runs().iter().map(|run| (order(&steps(run)), steps(run))).collect();
    for run in runs.values() {
        for at in 1..run.len() {
            let (a, b) = (run[at - 1], run[at]);
            if a.id.owner == b.id.owner || a.footprint.conflicts(&b.footprint) {
                continue;
            }
            let mut swapped = run.clone();
            swapped.swap(at - 1, at);
            if runs.get(&order(&swapped)) != Some(&swapped) {
                return Err(differences(at, &swapped, runs.get(&order(&swapped))));
            }
        }
    }
    Ok(())
}

/// Where a run with two neighbours swapped is not the run that it should be.
fn differences(at: usize, expected: &[&Step], found: Option<&Vec<&Step>>) -> String {
    let line = |step: &&Step| {
        let objects: Vec<String> = step
            .footprint
            .objects()
            .map(|(object, ways)| format!("{object:016x}:{ways}"))
            .collect();
        format!("{:016x}.{} {}", step.id.owner, step.id.ordinal, objects.join(" "))
    };
    let mut text = format!("steps {} and {at} were swapped", at - 1);
    let Some(found) = found else {
        let all: Vec<String> = expected.iter().map(line).collect();
        return format!("{text}, and there is no such run\n{}", all.join("\n"));
    };
    for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
        let mark = if expected == found { " " } else { "-" };
        text += &format!("\n{mark} {place} {}", line(expected));
        if expected != found {
            text += &format!("\n+ {place} {}", line(found));
        }
    }
    text
}
