//! The counts of `programs.rs`. M, the number of classes: of 4 and 5 and 6 and 7 also in the tests
//! of GenMC, Nidhugg and Concuerror and in "Optimal dynamic partial order reduction" (POPL 2014).
//! I, the number of interleavings, is by brute force, and by a formula where there is one.

use std::collections::BTreeSet;

use seedloop::{
    Config, Runner,
    sched::{Deviations, Reduction, Search},
};

use super::{Program, explore, programs::*, run};

/// A program with its interleavings, if they are few enough to run, its classes and its outcomes.
struct Known {
    name: &'static str,
    program: Program,
    interleavings: Option<u64>,
    classes: u64,
}

fn known(
    name: &'static str,
    program: Program,
    interleavings: impl Into<Option<u64>>,
    classes: u64,
) -> Known {
    Known { name, program, interleavings: interleavings.into(), classes }
}

fn check(all: Vec<Known>) {
    check_with(&Config::default().tracked(true), all);
}

fn check_with(config: &Config, all: Vec<Known>) {
    for Known { name, program, interleavings, classes } in all {
        let mut outcomes = None;
        if let Some(interleavings) = interleavings {
            let brute = explore(Search::new(Reduction::None), &program, config, u64::MAX)
                .expect("no limit");
            assert_eq!(brute.complete, interleavings, "{name}: interleavings");
            assert_eq!(brute.classes.len() as u64, classes, "{name}: classes by brute force");
            outcomes = Some((brute.classes, brute.outcomes));
        }
        for reduction in [Reduction::Full, Reduction::Both, Reduction::Sleep] {
            let Some(found) = explore(Search::new(reduction), &program, config, 20_000) else {
                assert_eq!(reduction, Reduction::Sleep, "{name}");
                continue;
            };
            println!(
                "{name}, {reduction:?}: {} + {} runs given up, {:?}",
                found.complete, found.abandoned, found.took
            );
            assert_eq!(found.classes.len() as u64, classes, "{name}: classes by {reduction:?}");
            assert!(found.complete == classes || found.has_choices(), "{name}: one twice");
            assert_eq!(found.check().map(|_| ()), Ok(()), "{name}: evidence of {reduction:?}");
            if let Some(outcomes) = &outcomes {
                assert_eq!(&(found.classes, found.outcomes), outcomes, "{name}: {reduction:?}");
            }
        }
    }
}

#[test]
fn programs_over_cells() {
    check(vec![
        known("independent(2,2)", independent(2, 2), 6, 1),
        known("independent(2,4)", independent(2, 4), 70, 1),
        known("independent(3,2)", independent(3, 2), 90, 1),
        known("writers(2)", writers(2), 2, 2),
        known("writers(3)", writers(3), 6, 6),
        known("writers(4)", writers(4), 24, 24),
        known("writers(5)", writers(5), 120, 120),
        known("writers(6)", writers(6), None, 720),
        known("adders(4)", adders(4), 24, 1),
        known("adders(5)", adders(5), 120, 1),
        known("readers(2)", readers(2), 6, 4),
        known("readers(4)", readers(4), 120, 16),
        known("readers(8)", readers(8), None, 256),
        known("lastzero(1)", lastzero(1), 3, 2),
        known("lastzero(2)", lastzero(2), 35, 5),
        known("lastzero(5)", lastzero(5), None, 64),
        known("indexer(11)", indexer(11), None, 1),
        known("filesystem(13)", filesystem(13), None, 1),
        known("filesystem(14)", filesystem(14), None, 2),
        known("filesystem(16)", filesystem(16), None, 8),
        known("lost_update(2)", lost_update(2), 6, 4),
        known("lost_update(3)", lost_update(3), 90, 36),
        known("store buffering", store_buffering(), 6, 3),
        known("guards", guards(), 191, 5),
        known("select_random(2)", select_random(2), 4, 4),
        known("select_random(3)", select_random(3), 8, 8),
        known("opaque(2,2)", opaque(2, 2), 6, 6),
        known("depends on reads", depends_on_reads(), 200, 6),
        known("cancel_sender", cancel_sender(), 12, 3),
    ]);
}

#[test]
fn programs_over_plain_primitives() {
    check(vec![
        known("fan_in(2)", fan_in(2), 8, 8),
        known("fan_in(3)", fan_in(3), 48, 48),
        known("fan_in(4)", fan_in(4), 384, 384),
        known("spsc(2)", spsc(2, false), 6, 4),
        known("spsc(3)", spsc(3, false), 20, 8),
        known("spsc(4)", spsc(4, false), 70, 16),
        known("spsc(4), one object", spsc(4, true), 70, 70),
        known("mutex_short(3)", mutex_short(3), 6, 6),
        known("mutex_short(4)", mutex_short(4), 24, 24),
        known("mutex_hold(2)", mutex_hold(2), 4, 4),
        known("mutex_hold(3)", mutex_hold(3), 36, 36),
        known("mutex_hold(4)", mutex_hold(4), 552, 552),
        known("philosophers(2)", philosophers(2), 6, 3),
        known("philosophers(3)", philosophers(3), 102, 16),
        known("gather(2)", gather(2, 1), 3, 2),
        known("gather(3)", gather(3, 1), 13, 4),
        known("gather(4)", gather(4, 1), 73, 8),
        known("gather(5)", gather(5, 1), 501, 16),
        known("gather(2), 2 polls", gather(2, 2), 10, 2),
        known("gather(3), 2 polls", gather(3, 2), 238, 4),
        known("pool_jobs(2)", pool_jobs(2), 4, 4),
        known("pool_jobs(3)", pool_jobs(3), 24, 24),
        known("pool_jobs(4)", pool_jobs(4), 192, 192),
        known("same_deadline(2)", sleepers(2, 0), 12, 1),
        known("same_deadline(3)", sleepers(3, 0), 540, 1),
        known("distinct_deadlines(2)", sleepers(2, 1), 2, 1),
        known("distinct_deadlines(3)", sleepers(3, 1), 6, 1),
        known("timeout_tie, biased", timeout_tie(false), 14, 3),
        known("timeout_tie, random", timeout_tie(true), 56, 12),
        known("ping_pong(2)", ping_pong(2), 2, 2),
        known("ping_pong(4)", ping_pong(4), 2, 2),
    ]);
}

/// The same programs with more tasks.
#[test]
#[ignore = "takes a minute in release code"]
fn larger_programs() {
    check(vec![
        known("independent(3,3)", independent(3, 3), 1680, 1),
        known("independent(4,2)", independent(4, 2), 2520, 1),
        known("lost_update(4)", lost_update(4), 2520, 576),
        known("philosophers(4)", philosophers(4), 3840, 59),
        known("indexer(12)", indexer(12), None, 8),
        known("lastzero(3)", lastzero(3), 920, 12),
        known("writers(7)", writers(7), None, 5040),
        known("readers(13)", readers(13), None, 8192),
        known("lastzero(4)", lastzero(4), 44_300, 28),
        known("lastzero(8)", lastzero(8), None, 704),
        known("lastzero(10)", lastzero(10), None, 3328),
        known("indexer(13)", indexer(13), None, 64),
        known("filesystem(18)", filesystem(18), None, 32),
        known("fan_in(5)", fan_in(5), 3840, 3840),
        known("mutex_hold(5)", mutex_hold(5), 12_240, 12_240),
    ]);
}

/// What brute force counts, on the crate's own primitives.
#[test]
fn programs_over_the_crates_primitives() {
    check(vec![
        known("queue(2)", queue(2, 0), 6, 5),
        known("queue(3)", queue(3, 0), 20, 13),
        known("queue(3), room for 1", queue(3, 1), 32, 32),
        known("queue_fan_in(2)", queue_fan_in(2), 8, 8),
        known("queue_fan_in(3)", queue_fan_in(3), 48, 48),
        known("lock_hold(2)", lock_hold(2), 4, 4),
        known("lock_hold(3)", lock_hold(3), 36, 36),
        known("lock_philosophers(2)", lock_philosophers(2), 6, 3),
        known("lock_philosophers(3)", lock_philosophers(3), 102, 16),
        known("gather(2)", own_gather(2), 6, 2),
        known("gather(3)", own_gather(3), 90, 6),
        known("group(2)", group(2), 20, 2),
        known("sleepers(2)", own_sleepers(2), 12, 1),
        known("timeout_tie", own_timeout_tie(), 14, 4),
        known("event(2)", event(2), 10, 4),
        known("event(3)", event(3), 96, 8),
    ]);
}

/// What brute force counts, with one cancellation or abort.
#[test]
fn programs_with_a_cancellation() {
    check_with(
        &Config::default().tracked(true).cancellations(1),
        vec![
            known("cancellable(1,1)", cancellable(1, 1), 5, 5),
            known("cancellable(1,2)", cancellable(1, 2), 11, 11),
            known("cancellable(1,3)", cancellable(1, 3), 19, 19),
            known("cancellable(1,5)", cancellable(1, 5), 41, 41),
            known("cancellable(2,2)", cancellable(2, 2), 190, 29),
            known("cancel_lock_holder", cancel_lock_holder(), 84, 52),
        ],
    );
}

/// Schedules within one and two deviations of asyncio's order.
#[test]
fn deviations_from_asyncios_order() {
    let programs = [
        ("independent(3,3)", independent(3, 3), [9, 44]),
        ("writers(5)", writers(5), [5, 14]),
        ("philosophers(3)", philosophers(3), [6, 20]),
        ("lastzero(5)", lastzero(5), [11, 65]),
    ];
    for (name, program, counts) in programs {
        for (bound, count) in (1..).zip(counts) {
            let all = Box::new(Deviations::within(bound));
            let mut runner = Runner::with_scheduler(Config::default().probe(false), all);
            let (mut runs, mut last, mut digests) = (0, None, BTreeSet::new());
            while runner.again(last.as_ref()).is_some() {
                let (ran, _) = run(&program, &mut runner);
                runs += 1;
                digests.insert(ran.digest);
                last = Some(ran.summary(true));
            }
            assert_eq!(runs, count, "{name} within {bound}");
            assert_eq!(digests.len(), count, "{name} within {bound}: none twice");
        }
    }
}

/// As published, reduction by races loses what a step would have touched, had it read otherwise.
#[test]
fn the_textbook_loses_classes_and_its_evidence_is_refused() {
    let config = Config::default().tracked(true);
    let found = explore(Search::new(Reduction::Textbook), &depends_on_reads(), &config, 1_000)
        .expect("few");
    assert!(found.classes.len() < 6 && found.check().is_err());
}
