//! Any holds, bytes and choices are a legal run of any program; what a token says of a run gives
//! the run again, and the run the token.

use std::{cell::RefCell, rc::Rc, time::Duration};

use proptest::{collection::vec, prelude::*};
use seedloop::{
    Check, Error, Lock, Runner, Schedule, Token, call_later, choose, gather,
    sched::{Bytes, Holds, RunReport},
    sleep, spawn, yield_now,
};

/// Five tasks that contend, sleep, spawn and choose, and may be cancelled.
async fn busy() {
    let lock = Lock::new();
    let worker = |n: u64, lock: Lock| async move {
        for _ in 0..2 {
            let guard = lock.acquire().await?;
            yield_now().await?;
            drop(guard);
            sleep(Duration::from_millis(n % 3 + u64::from(choose(2)))).await?;
        }
        spawn(yield_now()).await
    };
    let tasks = (0..5).map(|n| spawn(worker(n, lock.clone())).cancellable());
    let _: Result<_, Error> = gather(tasks).return_exceptions().await;
}

fn check() -> Check {
    Check::new().cancellations(2).slips(1)
}

/// The token gives the run again, and the run the token.
fn replays(token: &Token, expected: &seedloop::Digest) -> Result<(), TestCaseError> {
    let token: Token = token.to_string().parse().unwrap();
    let mut runner = Runner::replay(&token).unwrap();
    let _ = runner.run(busy());
    let again = runner.finish();
    prop_assert_eq!((&again.digest, again.divergence), (expected, None));
    prop_assert_eq!(again.token, token);
    Ok(())
}

/// A step of some task, callback or the clock; most of the first ones are in the program.
fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (1..7_u32, 0..9_u32).prop_map(|(task, step)| format!("{task}:{step}")),
        2 => (1..6_u32, 1..4_u32).prop_map(|(task, step)| format!("{task}/1:{step}")),
        2 => (1..6_u32, 1..6_u32).prop_map(|(task, call)| format!("{task}/c{call}")),
        1 => (0..5_u32).prop_map(|step| format!("main:{step}")),
        1 => (1..5_u32).prop_map(|step| format!("clock:{step}")),
        1 => (1..9_u32).prop_map(|call| format!("c0/c{call}")),
    ]
}

fn plans() -> impl Strategy<Value = String> {
    let hold = (step(), step()).prop_map(|(held, until)| format!("{held}@{until}"));
    let draw = (step(), "[csu]", 0..3_u32, 1..5_u32)
        .prop_map(|(step, kind, index, value)| format!("{step}{kind}{index}={value}"));
    let plan = (vec(hold, 0..12), vec(draw, 0..5));
    plan.prop_map(|(holds, draws)| {
        let parts: Vec<String> = holds.into_iter().chain(draws).collect();
        if parts.is_empty() { "h.none".into() } else { format!("h.{}", parts.join(".")) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_holds_are_a_legal_run(plan in plans()) {
        // A step may wait for one other.
        prop_assume!(plan.parse::<Holds>().is_ok());
        let schedule = Schedule::from(plan.parse::<Holds>().unwrap());
        let ran: RunReport = check().try_schedule(&schedule, busy).unwrap().summary(true);
        let again = check().try_schedule(&schedule, busy).unwrap();
        prop_assert_eq!(ran, again.summary(true));
        replays(&again.token, &again.digest)?;
        let mut token = again.token;
        token.plan = plan.parse().unwrap();
        replays(&token, &again.digest)?;
    }

    #[test]
    fn any_bytes_are_a_legal_run(bytes in vec(any::<u8>(), 0..200)) {
        let ran = check().try_scheduler(Box::new(Bytes::new(bytes)), busy).unwrap();
        replays(&ran.token, &ran.digest)?;
    }
}

/// A timer's callback waits, and is waited for: its name in the token is the one it is found by.
#[test]
fn a_callback_is_found_by_its_name() {
    let program = || async {
        let order = Rc::new(RefCell::new(Vec::new()));
        for name in [1, 2] {
            let order = order.clone();
            call_later(Duration::from_secs(1), move || order.borrow_mut().push(name));
        }
        sleep(Duration::from_secs(2)).await?;
        if *order.borrow() == [2, 1] { Err(Error::QueueFull) } else { Ok(()) }
    };
    let failure = Check::new().try_run(program).unwrap_err();
    assert_eq!(failure.told, ["timer c1 waits until timer c2 has run"]);
    let printed = failure.token.as_ref().unwrap().to_string();
    assert!(printed.starts_with("sl1-h.c1@c2-"), "{printed}");
    let mut runner = Runner::replay(&printed.parse().unwrap()).unwrap();
    assert!(runner.run(program()).is_err());
    assert_eq!(runner.finish().digest, failure.digest);
}
