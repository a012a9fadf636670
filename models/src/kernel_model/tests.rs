use super::{Checked, Wrong, program::PROGRAMS};
use crate::explore::explore;

/// The states and the transitions of each program.
const COUNTS: [(&str, usize, usize); PROGRAMS.len()] = [
    ("tasks yield", 3_032, 7_824),
    ("one wakes two", 1_768, 4_474),
    ("a chain of joins is cancelled", 12_708, 21_980),
    ("cancelled before the first step", 686, 1_299),
    ("tasks cancel themselves", 3_184, 5_977),
    ("a second cancel", 718, 1_251),
    ("a cycle of joins", 3_124, 6_375),
    ("timers of one instant", 27_094, 85_530),
    ("the clock slips and is held up", 28_125, 76_123),
    ("ready callbacks are cancelled", 1_082, 2_631),
    ("a gathering is cancelled", 15_680, 29_627),
    ("a gathering in a gathering closes", 24_036, 50_204),
    ("two waits at once", 4_482, 11_968),
    ("waits are dropped", 7_298, 17_320),
    ("tasks are aborted", 4_179, 7_022),
    ("sleeps are gathered and cancelled", 23_479, 56_087),
    ("wakers wake late and for nothing", 1_759, 4_112),
    ("a gathering of a gathering closes", 19_549, 36_203),
    ("a cycle through a gathering", 10_439, 21_406),
];

/// Up to so many states a program is small: its check takes a part of a second.
const SMALL: usize = 5_000;

#[test]
fn the_kernel_is_asyncios_loop_in_small_programs() {
    check_programs(|states| states <= SMALL);
}

#[test]
fn the_kernel_is_asyncios_loop_in_large_programs() {
    check_programs(|states| states > SMALL);
}

/// Checks the programs that have a number of states that is asked for.
fn check_programs(asked: impl Fn(usize) -> bool) {
    for (program, counts) in PROGRAMS.into_iter().zip(COUNTS).filter(|(_, counts)| asked(counts.1))
    {
        let found = explore(&Checked { program, wrong: None });
        let (name, cancels, slips) = (program.name, program.cancels, program.slips);
        let (states, transitions) = (found.states, found.transitions);
        println!(
            "{name}: {states} states, {transitions} transitions; {} tasks, {cancels} cancels from \
             outside, {slips} slips",
            program.bodies.len()
        );
        assert_eq!(found.broken, None, "{name}");
        assert_eq!((name, states, transitions), counts);
    }
}

#[test]
fn every_wrong_kernel_is_caught() {
    use Wrong::{
        AbortsSilently, CancelsSilently, CancelsTheFirstAlone, FiresEarly, ForgetsACancelOfItself,
        ForgetsAWaiter, KeepsAnAwait, LeavesATimer, RemovesAReadyCall, RunsACancelledCall,
        TellsTwice, TiesInReverse, UncancelsTheCountAlone, WakesAtAClosing, WakesInReverse,
    };
    let table = [
        (ForgetsAWaiter, "one wakes two", "a task waits for something else", 4),
        (WakesInReverse, "one wakes two", ORDER, 6),
        (KeepsAnAwait, "a gathering is cancelled", ORDER, 5),
        (TiesInReverse, "timers of one instant", ORDER, 8),
        (FiresEarly, "timers of one instant", "an iteration begins as asyncio's", 7),
        (LeavesATimer, "timers of one instant", "the clock moves to the least deadline", 9),
        (RemovesAReadyCall, "ready callbacks are cancelled", ORDER, 4),
        (RunsACancelledCall, "ready callbacks are cancelled", "a future is in another state", 5),
        (CancelsSilently, "a second cancel", CANCEL, 1),
        (CancelsTheFirstAlone, "a gathering is cancelled", CANCEL, 5),
        (TellsTwice, "tasks cancel themselves", CANCEL, 6),
        (WakesAtAClosing, "a gathering in a gathering closes", ORDER, 7),
        (UncancelsTheCountAlone, "cancelled before the first step", CANCEL, 2),
        (AbortsSilently, "tasks are aborted", ORDER, 5),
        (ForgetsACancelOfItself, "tasks cancel themselves", ORDER, 4),
    ];
    for (wrong, name, property, actions) in table {
        let program = PROGRAMS.into_iter().find(|program| program.name == name).unwrap();
        let found = explore(&Checked { program, wrong: Some(wrong) });
        let (what, path) = found.broken.expect("a wrong kernel is caught");
        println!("{wrong:?}, {name}: {what}, after {path:?}");
        assert_eq!((what.as_str(), path.len()), (property, actions), "{wrong:?}: {path:?}");
    }
}

const ORDER: &str = "something else is ready, or in another order";
const CANCEL: &str = "another task is to be cancelled";
