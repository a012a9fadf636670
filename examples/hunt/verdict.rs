//! One case from its build to its verdict: the bug is found in the broken variant, each replay
//! shows it again, and the fixed variant passes.

use std::{fmt, path::Path, time::Instant};

use crate::{
    Settings,
    cases::Case,
    variant::{Failed, Outcome, build, explore, replay},
};

const REPLAYS: usize = 3;

/// What became of a case. Displays as its row of the summary.
pub(crate) struct Verdict {
    case: &'static Case,
    /// In which schedule, and how it fails.
    found: Option<(u64, String)>,
    /// The schedules that the fixed variant passed.
    passed: Option<u64>,
    /// The builds, the run of the broken variant, the run of the fixed one.
    seconds: [f64; 3],
    /// What is not as it should be.
    pub(crate) problems: Vec<String>,
}

/// The summary's first row.
pub(crate) fn headings() -> String {
    let [case, bug, needs] = ["case", "broken -> fixed", "needs"];
    let [found, kind, passed] = ["found", "kind", "passed"];
    let [build, broken, fixed] = ["build s", "broken s", "fixed s"];
    format!(
        "{case:<22} {bug:<37} {needs:<12} {found:>5} {kind:<8} {passed:>6} \
         {build:>7} {broken:>8} {fixed:>7}"
    )
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = String::from("-");
        let (found, kind) = match &self.found {
            Some((schedule, kind)) => (schedule.to_string(), kind),
            None => (none.clone(), &none),
        };
        let passed = self.passed.map_or(none.clone(), |count| count.to_string());
        let [build, broken, fixed] = self.seconds;
        write!(f, "{} {found:>5} {kind:<8} {passed:>6}", self.case)?;
        write!(f, " {build:>7.1} {broken:>8.2} {fixed:>7.2}")?;
        write!(f, "{}", if self.problems.is_empty() { "" } else { "  WRONG" })
    }
}

impl Verdict {
    /// Hunts the bug, and tells what happens as it does.
    pub(crate) fn of(case: &'static Case, settings: &Settings) -> Verdict {
        let (found, passed, seconds) = (None, None, [0.0; 3]);
        let mut verdict = Verdict { case, found, passed, seconds, problems: Vec::new() };
        let start = Instant::now();
        let programs =
            ["broken", "fixed"].map(|variant| build(case.name, variant, &settings.target_dir));
        verdict.seconds[0] = start.elapsed().as_secs_f64();
        match programs {
            [Ok(broken), Ok(fixed)] => {
                verdict.hunt(&broken, settings);
                verdict.pass(&fixed, settings);
            }
            programs => {
                say!("{case}");
                verdict.problems.extend(programs.into_iter().filter_map(Result::err));
            }
        }
        for problem in &verdict.problems {
            say!("  WRONG: {problem}");
        }
        say!();
        verdict
    }

    /// The broken variant.
    fn hunt(&mut self, program: &Path, settings: &Settings) {
        let (case, start) = (self.case, Instant::now());
        let outcome = explore(program, settings.schedules, settings.seed);
        self.seconds[1] = start.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Failed(failed)) => {
                let Failed { kind, schedule, replay, .. } = &failed;
                let schedules = settings.schedules;
                say!("{case} {kind} in schedule {schedule} of {schedules}: {replay}");
                say!("{}", indented(&failed.text));
                self.found = Some((*schedule, kind.clone()));
                self.replay(program, &failed);
            }
            Ok(Outcome::Passed(passed)) => {
                say!("{case} not found: {}", passed.text);
                self.problems.push("the bug was not found".into());
            }
            Err(problem) => {
                say!("{case}");
                self.problems.push(format!("broken: {problem}"));
            }
        }
    }

    /// The same line, each time in a process of its own.
    fn replay(&mut self, program: &Path, first: &Failed) {
        let before = self.problems.len();
        for count in 1..=REPLAYS {
            let problem = match replay(program, first) {
                Ok(Outcome::Failed(again)) => {
                    let same = (&again.kind, &again.what, &again.digest)
                        == (&first.kind, &first.what, &first.digest);
                    let Failed { kind, what, digest, .. } = again;
                    (!same).then(|| format!("another failure, {kind}, digest {digest}: {what}"))
                }
                Ok(Outcome::Passed(passed)) => Some(passed.text),
                Err(problem) => Some(problem),
            };
            self.problems.extend(problem.map(|problem| format!("replay {count}: {problem}")));
        }
        if self.problems.len() == before {
            let digest = &first.digest;
            say!("  replayed {REPLAYS} times: the same failure, digest {digest}");
        }
    }

    /// The fixed variant.
    fn pass(&mut self, program: &Path, settings: &Settings) {
        let start = Instant::now();
        let outcome = explore(program, settings.fixed_schedules, settings.seed);
        self.seconds[2] = start.elapsed().as_secs_f64();
        match outcome {
            Ok(Outcome::Passed(passed)) => {
                say!("  fixed: {}", passed.text);
                self.passed = Some(passed.schedules);
            }
            Ok(Outcome::Failed(failed)) => {
                let problem = format!("the fixed variant fails:\n{}", indented(&failed.text));
                self.problems.push(problem);
            }
            Err(problem) => self.problems.push(format!("fixed: {problem}")),
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
