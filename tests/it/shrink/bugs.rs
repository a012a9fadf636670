//! Ten bugs with known depths: of each, sixty random failing schedules must all end at the fewest
//! steps that have to wait. Philosophers, a lost update, a broken order of start-up and a broken
//! invariant over two variables, with tasks beside them that have nothing to do with it.

use seedloop::{Check, Error, Runner, sched::Algorithm};

use crate::bugs::{lost_update, order_violation, philosophers, two_variables};

/// Sixty seeds: each one's first failing schedule ends at this many waits. Gives the schedules that
/// shrinking took, and the waits before, on average.
fn ends_at<F>(name: &str, waits: usize, program: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (mut runs, mut from) = (0, 0);
    for seed in 0..60 {
        let check = Check::new().seed(seed).schedules(200_000).fresh_wakers(false);
        let check = check.sampler(Algorithm::Random);
        let failure = check.clone().try_run(&program).expect_err("it is found");
        let shrunk = failure.shrunk.as_ref().expect("it is shrunk");
        assert_eq!(failure.told.len(), waits, "{name}, seed {seed}: {failure}");
        let printed = failure.token.as_ref().expect("it has one").to_string();
        let mut runner = Runner::replay(&printed.parse().unwrap()).unwrap();
        assert!(runner.run(program()).is_err(), "{name}, seed {seed} fails in a replay");
        assert_eq!(runner.finish().digest, failure.digest, "{name}, seed {seed}");
        if seed == 0 {
            let again = check.try_run(&program).expect_err("it is found again");
            assert_eq!((&again.told, &again.token), (&failure.told, &failure.token));
            assert_eq!(again.shrunk, failure.shrunk);
        }
        (runs, from) = (runs + shrunk.runs, from + shrunk.from);
    }
    println!("{name}: {} waits -> {waits} in {} schedules", from / 60, runs / 60);
}

#[test]
fn a_lost_update_of_three() {
    ends_at("lost update of 3", 1, || lost_update(3));
}

#[test]
fn a_lost_update_of_six() {
    ends_at("lost update of 6", 4, || lost_update(6));
}

#[test]
#[ignore = "100,000 runs: .ci/run has them in release"]
fn a_lost_update_of_ten() {
    ends_at("lost update of 10", 8, || lost_update(10));
}

#[test]
fn a_broken_order_beside_three() {
    ends_at("order violation + 3", 1, || order_violation(3));
}

#[test]
fn a_broken_order_beside_eight() {
    ends_at("order violation + 8", 1, || order_violation(8));
}

#[test]
fn philosophers_two() {
    ends_at("philosophers 2", 1, || philosophers(2));
}

#[test]
fn philosophers_three() {
    ends_at("philosophers 3", 2, || philosophers(3));
}

#[test]
fn philosophers_four() {
    ends_at("philosophers 4", 3, || philosophers(4));
}

#[test]
fn two_variables_beside_two() {
    ends_at("two variables + 2", 1, || two_variables(2));
}

#[test]
fn two_variables_beside_six() {
    ends_at("two variables + 6", 1, || two_variables(6));
}
