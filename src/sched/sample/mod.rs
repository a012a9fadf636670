//! Random orders, by one algorithm per file. What an algorithm must know of the program (how long a
//! run is, what steps will touch) it learns from the first four runs of the seed, and from nothing
//! else: so a run can be had again. The first of them walks at random; the others go by the
//! algorithm itself, as far as it knows the program by then.

mod arrivals;
mod happens_before;
mod learn;
mod luck;
mod offers;
mod pct;
mod pct_urw;
mod places;
mod portfolio;
mod pos;
mod races;
mod surw;
#[cfg(test)]
mod tests;
mod urw;

use std::{fmt, rc::Rc, str::FromStr};

use happens_before::HappensBefore;
use learn::{Learned, Lesson};
use luck::Luck;
use offers::Offers;
pub(crate) use races::Races;

use super::{
    ChoiceKind, Guarantee, Menu, RandomWalk, RunPlan, RunReport, Scheduler, Step, StepId, Swarm,
    Watch,
};
use crate::{TokenError, trace::Plan};

/// So many runs of a seed teach.
const LESSONS: u64 = 4;

/// How orders are sampled. None is the best: which bugs it finds, and how soon, differs by orders
/// of magnitude.
///
/// # Examples
/// ```
/// use seedloop::sched::Algorithm;
/// assert_eq!("pct3".parse(), Ok(Algorithm::Pct(3)));
/// assert_eq!(Algorithm::Portfolio.to_string(), "portfolio");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Each run by another of them, most often the random walk and [`Surw`](Algorithm::Surw); each
    /// run goes without each kind of fault with probability 1/2, as [`Swarm`].
    #[default]
    Portfolio,
    /// [`RandomWalk`]: whatever is ready is equally likely to be next.
    Random,
    /// [`Swarm`]: the random walk, but each run goes without some kinds of faults.
    Swarm,
    /// Probabilistic concurrency testing: a random order of priorities, which changes at one step
    /// less than the given depth. A bug that needs so many ordering constraints among `n` tasks and
    /// `k` steps is hit by each run with probability `1/(n k^(depth-1))` or more. Burckhardt,
    /// Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic guarantees of
    /// finding bugs" (ASPLOS 2010).
    Pct(u32),
    /// Partial-order sampling: each step has a random priority, and a new one whenever a step that
    /// it may race with has run. Yuan, Yang and Gu, "Partial order aware concurrency sampling" (CAV
    /// 2018).
    Pos,
    /// The uniform random walk: who has more steps to make is more likely to be next, so that every
    /// interleaving is as likely as any other, if nothing blocks. Zhao, Wolff, Mathur and
    /// Roychoudhury, "Selectively uniform concurrency testing" (ASPLOS 2025).
    Urw,
    /// The same over the steps alone that touch one object for which some race, another one in each
    /// run; the others by random priorities. From the same paper.
    Surw,
    /// [`Urw`](Algorithm::Urw) with the changes of priority of [`Pct`](Algorithm::Pct): at one step
    /// less than the depth, whoever ran last is passed over from then on.
    PctUrw(u32),
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Portfolio => "portfolio",
            Algorithm::Random => RandomWalk::NAME,
            Algorithm::Swarm => Swarm::NAME,
            Algorithm::Pct(depth) => return write!(f, "pct{depth}"),
            Algorithm::Pos => "pos",
            Algorithm::Urw => "urw",
            Algorithm::Surw => "surw",
            Algorithm::PctUrw(depth) => return write!(f, "pcturw{depth}"),
        })
    }
}

impl FromStr for Algorithm {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Algorithm, TokenError> {
        let depth = |of: &str| text.strip_prefix(of)?.parse().ok().filter(|&depth| depth > 0);
        let plain = [
            Algorithm::Portfolio,
            Algorithm::Random,
            Algorithm::Swarm,
            Algorithm::Pos,
            Algorithm::Urw,
            Algorithm::Surw,
        ];
        let plain = plain.into_iter().find(|algorithm| algorithm.to_string() == text);
        let deep = || depth("pcturw").map(Algorithm::PctUrw).or(depth("pct").map(Algorithm::Pct));
        plain.or_else(deep).filter(|algorithm| algorithm.to_string() == text).ok_or_else(|| {
            let known = "portfolio, random, swarm, pct1 and so on, pos, urw, surw, pcturw1";
            TokenError::new(format!("there is no strategy {text:?}; there are {known}"))
        })
    }
}

/// Who is next, in one run.
trait Order {
    /// One of these steps, by its place.
    fn pick(&mut self, steps: &[StepId]) -> usize;

    /// A step has run. Only if it watches footprints.
    fn stepped(&mut self, _step: &Step) {}

    fn watches(&self) -> Watch {
        Watch::Steps
    }
}

/// The runs of a seed, sampled by an [`Algorithm`].
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner, gather, sched::{Algorithm, Sampler}, yield_now};
/// let sampler = Box::new(Sampler::new(Algorithm::Pct(2), 7));
/// let mut runner = Runner::with_scheduler(Config::default(), sampler);
/// let mut last = None;
/// for run in 0..20 {
///     assert_eq!(runner.again(last.as_ref()).map(|plan| plan.run), Some(run));
///     runner.run(async { gather((yield_now(), yield_now())).await })?;
///     last = Some(runner.end().summary(true));
/// }
/// # Ok::<(), seedloop::Error>(())
/// ```
pub struct Sampler {
    algorithm: Algorithm,
    seed: u64,
    run: u64,
    learned: Rc<Learned>,
    /// What this run teaches.
    lesson: Option<Lesson>,
    /// Chooses what is inside steps; and the order, if nothing else does.
    walk: RandomWalk,
    /// The same, but without some kinds of faults.
    swarm: Option<Swarm>,
    order: Option<Box<dyn Order>>,
    offers: Offers,
    /// By kind: are faults as rare as they are offered often? Known once one is offered.
    rare: Option<[bool; ChoiceKind::ALL.len()]>,
    happened: HappensBefore,
    races: Races,
    /// Steps left that are chosen by the algorithm: one that starves somebody must not for ever.
    left: u64,
}

impl Sampler {
    /// Starts at run 0 of the seed.
    pub fn new(algorithm: Algorithm, seed: u64) -> Sampler {
        let mut sampler = Sampler {
            algorithm,
            seed,
            run: 0,
            learned: Rc::default(),
            lesson: None,
            walk: RandomWalk::new(seed, 0),
            swarm: None,
            order: None,
            offers: Offers::default(),
            rare: None,
            happened: HappensBefore::default(),
            races: Races::default(),
            left: 0,
        };
        sampler.begin();
        sampler
    }

    /// How many pairs of racing steps were seen in both orders, and how many at all, in those runs
    /// whose footprints were watched: the first four, and those of [`Pos`](Algorithm::Pos) and
    /// [`Surw`](Algorithm::Surw).
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Algorithm, Sampler};
    /// assert_eq!(Sampler::new(Algorithm::Pos, 7).racing_pairs(), (0, 0)); // nothing has run
    /// ```
    pub fn racing_pairs(&self) -> (u64, u64) {
        self.races.counts()
    }

    /// What it knows of racing pairs; it goes on with nothing.
    pub(crate) fn take_races(&mut self) -> Races {
        std::mem::take(&mut self.races)
    }

    /// How many runs teach.
    pub(crate) fn lessons(&self) -> u64 {
        if Sampler::learns(self.algorithm, LESSONS) { LESSONS } else { 0 }
    }

    /// The sampler of a plan, if it is at a run that goes by what earlier ones have taught: to be
    /// had at run 0, and how many are to be run.
    pub(crate) fn to_learn(plan: &Plan) -> Result<Option<(u64, Sampler)>, TokenError> {
        let Plan::Seed { strategy, seed, run } = plan else { return Ok(None) };
        let algorithm = strategy.parse()?;
        let learns = Sampler::learns(algorithm, *run);
        Ok(learns.then(|| (LESSONS.min(*run), Sampler::new(algorithm, *seed))))
    }

    /// The sampler at a run of a plan.
    pub(super) fn at(strategy: &str, seed: u64, run: u64) -> Result<Sampler, TokenError> {
        let algorithm = strategy.parse()?;
        if Sampler::learns(algorithm, run) {
            return Err(TokenError::new(format!(
                "run {run} of {strategy} goes by what the first runs of seed {seed} have taught: \
                 replay it with SEEDLOOP_REPLAY in the check that it is of"
            )));
        }
        let mut sampler = Sampler::new(algorithm, seed);
        sampler.skip_to(run);
        Ok(sampler)
    }

    /// Goes on with the run of this plan.
    pub(crate) fn skip_to_plan(&mut self, plan: &Plan) {
        if let Plan::Seed { run, .. } = plan {
            self.skip_to(*run);
        }
    }

    /// Does this run go by what earlier ones of the seed have taught?
    fn learns(algorithm: Algorithm, run: u64) -> bool {
        let needs_nothing = matches!(algorithm, Algorithm::Random | Algorithm::Swarm);
        !needs_nothing && run > 0
    }

    /// Goes on with this run of the seed. What it is to learn, it has learned.
    pub(crate) fn skip_to(&mut self, run: u64) {
        if run == self.run {
            return;
        }
        self.end_lesson();
        self.run = run;
        self.begin();
    }

    fn end_lesson(&mut self) {
        let Some(lesson) = self.lesson.take() else { return };
        self.order = None;
        let learned = Rc::get_mut(&mut self.learned).expect("nobody goes by it");
        learned.add(lesson);
        learned.offers.keep_most(std::mem::take(&mut self.offers));
        learned.conclude();
        if self.run + 1 == LESSONS {
            learned.forget_lessons();
        }
    }

    fn begin(&mut self) {
        let Sampler { seed, run, .. } = *self;
        self.walk = RandomWalk::new(seed, run);
        let swarms = matches!(self.algorithm, Algorithm::Portfolio | Algorithm::Swarm);
        self.swarm = swarms.then(|| Swarm::new(seed, run));
        self.lesson = (run < self.lessons()).then(Lesson::default);
        // Which algorithm the run goes by, and as which of its runs.
        let (algorithm, turn) = match self.algorithm {
            _ if run == 0 => (Algorithm::Random, 0),
            Algorithm::Portfolio => portfolio::turn(run),
            algorithm => (algorithm, run),
        };
        let luck = || Luck::new(seed, run, turn);
        (self.offers, self.rare) = (Offers::default(), None);
        self.order = match algorithm {
            Algorithm::Pct(depth) => Some(Box::new(pct::Pct::new(luck(), depth, &self.learned))),
            Algorithm::Pos => Some(Box::new(pos::Pos::new(luck(), &self.learned))),
            Algorithm::Urw => Some(Box::new(urw::Urw::new(luck(), &self.learned))),
            Algorithm::Surw => Some(surw::order(luck(), &self.learned)),
            Algorithm::PctUrw(depth) => {
                Some(Box::new(pct_urw::PctUrw::new(luck(), depth, &self.learned)))
            }
            Algorithm::Portfolio | Algorithm::Random | Algorithm::Swarm => None,
        };
        self.happened.forget();
        self.left = self.learned.steps * 2 + 64;
    }

    /// What chooses inside steps.
    fn walk(&mut self) -> &mut dyn Scheduler {
        match &mut self.swarm {
            Some(swarm) => swarm,
            None => &mut self.walk,
        }
    }

    fn choose_fault(&mut self, menu: &Menu<'_>) -> u32 {
        let moment = self.offers.add(menu);
        if self.lesson.is_some() && self.run == 0 {
            // One run without faults shows how many there might be.
            return 0;
        }
        let Sampler { algorithm, seed, run, .. } = *self;
        let rare = self.rare.get_or_insert_with(|| {
            let luck = Luck::new(seed, run, 0);
            let knows = Sampler::learns(algorithm, run) && run >= LESSONS;
            ChoiceKind::ALL.map(|kind| knows && luck.coin(kind))
        });
        if rare[menu.kind() as usize] {
            // The first of many would be taken, and none of those that come late.
            let one_in = self.learned.offers.one_in(menu.kind(), moment);
            let walk = self.swarm.as_mut().map_or(&mut self.walk, Swarm::walk);
            walk.faults_one_in(menu.kind(), one_in);
        }
        self.walk().choose(menu)
    }
}

impl Scheduler for Sampler {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        if menu.kind().is_fault() {
            return self.choose_fault(menu);
        }
        if menu.kind() != ChoiceKind::Order {
            return self.walk().choose(menu);
        }
        let steps = menu.steps();
        if steps.first().is_some_and(|step| step.is_clock()) {
            return 0;
        }
        let value = match &mut self.order {
            Some(order) if self.left > 0 => {
                self.left -= 1;
                order.pick(steps) as u32
            }
            _ if menu.len() == 1 => 0,
            _ => self.walk.choose(menu),
        };
        if let Some(lesson) = &mut self.lesson {
            lesson.picked(steps, value as usize);
        }
        value
    }

    fn watches(&self) -> Watch {
        match (&self.lesson, &self.order) {
            (Some(_), _) => Watch::Footprints,
            (None, Some(order)) => order.watches(),
            (None, None) => Watch::Nothing,
        }
    }

    fn keeps_wakers(&self) -> bool {
        self.swarm.as_ref().is_some_and(Scheduler::keeps_wakers)
    }

    fn stepped(&mut self, step: Step) {
        let races = match self.watches() {
            Watch::Footprints => self.happened.stepped(&step),
            _ => Vec::new(),
        };
        races.iter().for_each(|race| self.races.saw(race.first, step.id));
        if let Some(order) = &mut self.order {
            order.stepped(&step);
        }
        if let Some(lesson) = &mut self.lesson {
            lesson.stepped(step, &races);
        }
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        if last.is_some() {
            self.skip_to(self.run + 1);
        }
        Some(RunPlan { run: self.run })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Sampled
    }
}
