//! The bugs of `examples/threads.rs` are found, and each comes down to one wait.

#[path = "../../examples/threads.rs"]
#[allow(dead_code)]
mod threads;

use seedloop::{FailureKind, Runner};

#[test]
fn each_is_found_and_made_small() {
    let expected = [
        (
            FailureKind::Panic,
            "asyncio_0's 3rd turn (stores into AtomicUsize o1, schedules executor result c3/c1) \
             waits until asyncio_1's 1st turn has run",
        ),
        (
            FailureKind::Panic,
            "main's 2nd step (loads AtomicBool o1, panicked, failed) waits until asyncio_0's 3rd \
             turn (stores into AtomicBool o1, schedules executor result c3/c1) has run",
        ),
        (FailureKind::Deadlock, "asyncio_0's 3rd turn waits until asyncio_1's 1st turn has run"),
        (FailureKind::Invariant, "done callback 1/c2 waits until asyncio_0's 1st turn has run"),
        (
            FailureKind::Deadlock,
            "asyncio_0's 10th turn (adds to AtomicUsize o2) waits until asyncio_1's 1st turn has \
             run",
        ),
    ];
    for (case, (kind, wait)) in threads::CASES.iter().zip(expected) {
        let failure = (case.find)().expect_err(case.name);
        assert_eq!((failure.kind, &failure.told[..]), (kind, &[wait.to_string()][..]), "{failure}");
        let token = failure.token.as_ref().expect("it has one");
        assert!(Runner::replay(token).is_ok(), "{}", case.name);
        assert!(format!("{failure:#}").contains("asyncio_0"), "{failure:#}");
    }
}
