//! The programs are what they say: which pass in asyncio's order, and that the random walk finds
//! the shallow bugs.

use crate::{
    harness::{self, Setup},
    programs::{PROGRAMS, Program, Start},
    published,
};

fn named(names: &[&str]) -> Vec<Program> {
    let programs = PROGRAMS.into_iter().filter(|program| names.contains(&program.name));
    let programs: Vec<Program> = programs.collect();
    assert_eq!(programs.len(), names.len());
    programs
}

fn failing_in_order(start: Start) -> Vec<&'static str> {
    let failing = PROGRAMS.into_iter().filter(|program| harness::in_order(*program, start).0);
    failing.map(|program| program.name).collect()
}

#[test]
fn asyncio_s_order_shows_few_of_the_bugs() {
    assert_eq!(failing_in_order(Start::OneByOne), [""; 0]);
    assert_eq!(failing_in_order(Start::AtOnce), ["deadlock01"]);
}

#[test]
fn the_random_walk_finds_every_bug_that_is_shallow() {
    let shallow = named(&[
        "twostage",
        "reorder_3",
        "reorder_5",
        "stack",
        "token_ring",
        "lazy01",
        "deadlock01",
        "bluetooth_driver",
        "account",
        "wronglock",
        "wronglock_3",
        "stringbuffer-jdk1.4",
        "WorkStealQueue",
    ]);
    let walk = &harness::samplers()[..1];
    for start in [Start::OneByOne, Start::AtOnce] {
        let setup = Setup { start, trials: 4, schedules_max: 2_000 };
        for (program, row) in shallow.iter().zip(harness::run_trials(&shallow, walk, setup)) {
            assert!(row[0].first_bugs.iter().all(Option::is_some), "{} {start:?}", program.name);
        }
    }
}

#[test]
fn trials_depend_on_their_seeds_alone() {
    let programs = named(&["token_ring", "wronglock_3"]);
    let setup = Setup { start: Start::OneByOne, trials: 6, schedules_max: 1_000 };
    let all = || harness::run_trials(&programs, &harness::samplers(), setup);
    let together = all();
    assert_eq!(together, all());
    let alone = harness::run_trials(&programs[1..], &harness::samplers()[1..], setup);
    assert_eq!(alone[0][0], together[1][1]);
}

#[test]
fn every_program_has_a_published_row() {
    for program in PROGRAMS {
        assert!(!published::row(program.name)[0].is_empty());
    }
}
