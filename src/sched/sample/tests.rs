//! Tests of what the algorithms share: chance, and races.

use std::collections::BTreeSet;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{happens_before::HappensBefore, luck::Luck, portfolio};
use crate::sched::{Access, Footprint, Step, StepId};

#[test]
fn what_is_drawn_in_one_run_is_as_likely_as_its_weight() {
    // By what was drawn first, and second.
    let mut counts = [[0_u32; 4]; 3];
    for seed in 0..48_000 {
        let mut luck = Luck::new(seed, seed % 7, seed % 7);
        counts[luck.weighted(&[1, 2, 5])][luck.below(4) as usize] += 1;
    }
    for (first, weight) in [1500.0, 3000.0, 7500.0_f64].into_iter().enumerate() {
        for count in counts[first] {
            let off = (f64::from(count) - weight).abs() / weight.sqrt();
            assert!(off < 4.0, "{counts:?}");
        }
    }
    assert_eq!(Luck::new(0, 0, 0).weighted(&[0, 0]), 0, "nothing has a weight");
    let mut long = Luck::new(0, 0, 0);
    assert!((0..1000).all(|_| long.weighted(&[0, 1 << 40, 0]) == 1));
    let of_many = (0..1000).map(|_| long.below(10)).collect::<BTreeSet<_>>();
    assert_eq!(of_many.len(), 10, "the stream goes on where the point ends");
}

/// How many runs it takes until the next one in which this is drawn.
fn gaps(seed: u64, is_drawn: impl Fn(&mut Luck) -> bool) -> Vec<u64> {
    let runs = (0..1000).filter(|&run| is_drawn(&mut Luck::new(seed, run, run)));
    let runs: Vec<u64> = runs.collect();
    runs.windows(2).map(|two| two[1] - two[0]).collect()
}

#[test]
fn the_runs_of_a_seed_are_spread_out() {
    for seed in 0..50 {
        // Three gaps at most, of two lengths and their sum (the three-gap theorem).
        let of_twenty = gaps(seed, |luck| luck.below(20) == 0);
        assert!(of_twenty.iter().collect::<BTreeSet<_>>().len() <= 3, "{of_twenty:?}");
        assert!(*of_twenty.iter().max().unwrap() <= 55, "{of_twenty:?}");
        // In steps of two draws as well. By independent draws the longest is beyond 100.
        let weights = [3, 1, 1];
        let second = gaps(seed, |luck| luck.below(8) == 3 && luck.weighted(&weights) == 0);
        assert!(*second.iter().max().unwrap() <= 60, "{second:?}");
        // 55 is a Fibonacci number: without the shift after each draw, what follows 55 cases would
        // keep time with the runs, and no value turn up again for 98 of them.
        let slow = gaps(seed, |luck| [luck.below(11), luck.below(5), luck.below(5)][2] == 0);
        assert!(*slow.iter().max().unwrap() <= 50, "{slow:?}");
    }
}

#[test]
fn the_members_of_the_portfolio_number_their_runs() {
    let mut next = std::collections::BTreeMap::new();
    for run in 0..40 {
        let (algorithm, turn) = portfolio::turn(run);
        let expected = next.entry(algorithm.to_string()).or_insert(0);
        assert_eq!(turn, *expected, "run {run} by {algorithm}");
        *expected += 1;
    }
    assert_eq!(next["random"], 10, "{next:?}");
}

fn step(owner: u64, ordinal: u32, touched: &[(u64, Access)]) -> Step {
    let footprint = Footprint::new(touched.iter().copied(), false);
    Step { id: StepId { owner, ordinal }, footprint, choices: Vec::new() }
}

/// The races of a run, each by the numbers of its steps.
fn races(steps: &[Step]) -> BTreeSet<(usize, usize)> {
    let mut happened = HappensBefore::default();
    let place = |id: StepId| steps.iter().position(|step| step.id == id).unwrap();
    let races = steps.iter().enumerate().flat_map(|(second, step)| {
        let races = happened.stepped(step).into_iter();
        races.map(move |race| (place(race.first), second)).collect::<Vec<_>>()
    });
    races.collect()
}

/// The definition, written down: pairs that conflict, with nothing in between.
fn races_by_closure(steps: &[Step]) -> BTreeSet<(usize, usize)> {
    let len = steps.len();
    let depends =
        |a: &Step, b: &Step| a.id.owner == b.id.owner || a.footprint.conflicts(&b.footprint);
    let mut before = vec![vec![false; len]; len];
    let mut races = BTreeSet::new();
    for second in 0..len {
        for first in (0..second).rev() {
            let direct = depends(&steps[first], &steps[second]);
            let between = (first + 1..second).any(|at| before[first][at] && before[at][second]);
            before[first][second] = direct || between;
            if direct && !between && steps[first].id.owner != steps[second].id.owner {
                races.insert((first, second));
            }
        }
    }
    races
}

#[test]
fn races_are_those_of_the_definition() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut below = |n: u32| random.next_u32() % n;
    let mut all = 0;
    for _ in 0..2000 {
        let mut ordinals = [0; 5];
        let steps = (0..20).map(|_| {
            let owner = below(5);
            ordinals[owner as usize] += 1;
            let ways = [Access::Read, Access::Write, Access::Add];
            let touched =
                (0..below(4)).map(|_| (u64::from(below(4)) + 100, ways[below(3) as usize]));
            let touched: Vec<_> = touched.collect();
            step(owner.into(), ordinals[owner as usize], &touched)
        });
        let steps: Vec<Step> = steps.collect();
        let expected = races_by_closure(&steps);
        assert_eq!(races(&steps), expected, "{steps:?}");
        all += expected.len();
    }
    assert!(all > 20_000, "{all}");
}

#[test]
fn who_was_made_ready_comes_after_it() {
    use Access::{Read, Ready, Take, Write};
    let wakes = step(1, 1, &[(1, Take), (9, Write), (2, Ready)]);
    let woken = step(2, 1, &[(2, Take), (9, Read)]);
    assert_eq!(races(&[wakes.clone(), woken.clone()]), BTreeSet::new());
    // Whoever has made it ready first is why it runs.
    let first = step(3, 1, &[(3, Take), (2, Ready)]);
    assert_eq!(races(&[first, wakes.clone(), woken.clone()]), BTreeSet::from([(1, 2)]));
    // Through another one too.
    let between = step(4, 1, &[(4, Take), (2, Ready)]);
    let starts = step(1, 1, &[(1, Take), (9, Write), (4, Ready)]);
    assert_eq!(races(&[starts, between, woken.clone()]), BTreeSet::new());
    // The clock moves when nothing else can run.
    let clock = step(StepId::CLOCK, 1, &[]);
    let writes = step(1, 1, &[(1, Take), (9, Write)]);
    assert_eq!(races(&[writes.clone(), clock, woken.clone()]), BTreeSet::new());
    assert_eq!(races(&[writes, woken]), BTreeSet::from([(0, 1)]));
}
