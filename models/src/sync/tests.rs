use std::fmt::Debug;

use super::{
    Action::{self, Cancel, Step},
    Primitive, Scripts, barrier, condition, event, lock, monitor, queue, semaphore,
};
use crate::explore::explore;

/// Visits every state: no property breaks, and there are as many states and transitions as ever.
fn holds<P: Primitive>(what: &str, scripts: Scripts<P>, counts: (usize, usize)) {
    let found = explore(&scripts);
    let (tasks, Scripts { cancels, drops, .. }) = (scripts.scripts.len(), scripts);
    let (states, transitions) = (found.states, found.transitions);
    println!(
        "{what}: {states} states, {transitions} transitions; {tasks} tasks, {cancels} cancels, \
         {drops} drops"
    );
    assert_eq!(found.broken, None, "{what}");
    assert_eq!((states, transitions), counts, "{what}");
}

/// The variant breaks the property after so many actions, and no sooner.
fn breaks<P: Primitive>(
    variant: impl Debug,
    scripts: &Scripts<P>,
    property: &str,
    actions: usize,
) -> Vec<Action> {
    let (what, path) = explore(scripts).broken.expect("the variant is caught");
    println!("{variant:?}: {what}, after {path:?}");
    assert_eq!((what.as_str(), path.len()), (property, actions), "{variant:?}: {path:?}");
    path
}

fn lock(wrong: Option<lock::Wrong>) -> Scripts<lock::Lock> {
    use lock::Op::{Acquire, Release};
    let once = vec![Acquire, Release];
    let twice = vec![Acquire, Release, Acquire, Release];
    let scripts = vec![twice, once.clone(), once.clone(), once];
    Scripts { primitive: lock::Lock::new(wrong), scripts, cancels: 4, drops: 2 }
}

#[test]
fn a_lock_is_held_by_one_and_given_in_order() {
    holds("lock", lock(None), (6_632, 33_118));
}

#[test]
fn every_wrong_lock_is_caught() {
    use lock::Wrong::{Barges, DropsItsTurn, ForgetsToLock, KeepsItsTurn, ReleasesSilently};
    let table = [
        (Barges, "a task overtakes another", 4),
        (KeepsItsTurn, "a task waits for a free lock", 7),
        (DropsItsTurn, "a task waits for a free lock", 6),
        (ReleasesSilently, "a task waits for a free lock", 5),
        (ForgetsToLock, "the lock knows that it is held", 4),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &lock(Some(wrong)), property, actions);
    }
}

fn semaphore(permits: usize, wrong: Option<semaphore::Wrong>) -> Scripts<semaphore::Semaphore> {
    use semaphore::Op::{Acquire, Release};
    let once = vec![Acquire, Release];
    let more = vec![Acquire, Release, Release, Acquire];
    let scripts = vec![more, once.clone(), once.clone(), once];
    let primitive = semaphore::Semaphore::new(permits, wrong);
    Scripts { primitive, scripts, cancels: 4, drops: 2 }
}

#[test]
fn permits_are_neither_lost_nor_made_and_given_in_order() {
    holds("semaphore of 1", semaphore(1, None), (11_404, 61_714));
    holds("semaphore of 2", semaphore(2, None), (4_200, 19_346));
}

#[test]
fn every_wrong_semaphore_is_caught() {
    use semaphore::Wrong::{LeavesSilently, LosesAPermit, MakesAPermit, ReleasesSilently};
    let table = [
        (LosesAPermit, "a permit is lost, or made", 4),
        (MakesAPermit, "a permit is lost, or made", 3),
        (LeavesSilently, "a permit is lost, or made", 5),
        (ReleasesSilently, "a permit is lost, or made", 3),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &semaphore(1, Some(wrong)), property, actions);
    }
}

fn event(wrong: Option<event::Wrong>) -> Scripts<event::Event> {
    use event::Op::{Clear, Set, Wait};
    let waits = vec![Wait, Wait];
    let scripts = vec![vec![Set, Clear, Set], waits.clone(), waits, vec![Wait, Clear]];
    Scripts { primitive: event::Event::new(wrong), scripts, cancels: 4, drops: 2 }
}

#[test]
fn a_set_wakes_all_that_wait() {
    holds("event", event(None), (6_104, 31_567));
}

#[test]
fn every_wrong_event_is_caught() {
    use event::Wrong::{ClearForgets, ClearTakesBack, WaitsAnyway, WakesOne};
    let table = [
        (WakesOne, "a task waits although the event was set", 3),
        (ClearForgets, "a task waits although the event was set", 6),
        (ClearTakesBack, "a task waits although the event was set", 3),
        (WaitsAnyway, "a task waits although the event was set", 2),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &event(Some(wrong)), property, actions);
    }
}

fn condition(wrong: Option<monitor::Wrong>) -> Scripts<condition::Condition> {
    use condition::Op::{Acquire, Notify, Release, Wait};
    let waits = vec![Acquire, Wait, Release];
    let notifies = vec![Acquire, Notify(1), Release, Acquire, Notify(1)];
    let scripts = vec![notifies, waits.clone(), waits.clone(), waits];
    Scripts { primitive: condition::Condition::new(wrong, false), scripts, cancels: 2, drops: 1 }
}

#[test]
fn a_notification_is_used_or_passes_on() {
    use condition::Op::{Acquire, Notify, Release, Wait};
    holds("condition", condition(None), (96_986, 347_092));
    let waits = vec![Acquire, Wait, Release];
    let both = vec![Acquire, Notify(1), Wait, Notify(2)];
    let scripts = vec![vec![Acquire, Notify(2)], both, waits.clone(), waits];
    holds("condition, two at once", Scripts { scripts, ..condition(None) }, (49_021, 161_003));
}

#[test]
fn every_wrong_condition_is_caught() {
    use monitor::Wrong::{
        DropsItAtTheLock, DropsTheNotification, KeepsTheNotification, LeavesWithoutTheLock,
        NotifiesOneMore, NotifiesTheCancelled,
    };
    let table = [
        (KeepsTheNotification, "a notification is lost although somebody waits", 13),
        (DropsTheNotification, "a notification is lost although somebody waits", 12),
        (DropsItAtTheLock, "a notification is lost although somebody waits", 13),
        (NotifiesTheCancelled, "a notification wakes the first n that wait, and no other", 7),
        (NotifiesOneMore, "a notification wakes the first n that wait, and no other", 6),
        (LeavesWithoutTheLock, "a wait ends without the lock", 4),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &condition(Some(wrong)), property, actions);
    }
}

/// asyncio's own: a cancelled wait wakes the next, also if it was not notified itself.
#[test]
fn after_a_cancellation_a_wait_may_end_without_a_notification() {
    let strict = |cancels| {
        let primitive = condition::Condition::new(None, true);
        Scripts { primitive, cancels, drops: 0, ..condition(None) }
    };
    breaks("a condition", &strict(1), "a wait ends that nobody has notified", 7);
    holds("condition, never cancelled", strict(0), (1_872, 3_260));
}

type Way = (Option<barrier::Wrong>, Option<barrier::Strict>);

/// Three go through, of four.
fn barrier((wrong, strict): Way, cancels: u8) -> Scripts<barrier::Barrier> {
    use barrier::Op::Wait;
    let primitive = barrier::Barrier::new(3, wrong, strict);
    Scripts { primitive, scripts: vec![vec![Wait]; 4], cancels, drops: 1 }
}

/// Two go through, twice, unless somebody interrupts.
fn interrupted((wrong, strict): Way, op: barrier::Op) -> Scripts<barrier::Barrier> {
    use barrier::Op::Wait;
    let primitive = barrier::Barrier::new(2, wrong, strict);
    let scripts = vec![vec![Wait, Wait], vec![Wait, Wait], vec![Wait], vec![op]];
    Scripts { primitive, scripts, cancels: 1, drops: 1 }
}

#[test]
fn a_barrier_lets_n_through_together() {
    use barrier::Op::{Abort, Reset};
    holds("barrier of 3", barrier((None, None), 3), (13_463, 39_312));
    holds("barrier of 2, aborted", interrupted((None, None), Abort), (4_778, 14_046));
    holds("barrier of 2, reset", interrupted((None, None), Reset), (6_834, 20_152));
}

#[test]
fn every_wrong_barrier_is_caught() {
    use barrier::{
        Op::Reset,
        Wrong::{
            CountsTheCancelled, HidesTheEnd, LeavesSilently, LetsGoSilently, LetsGoTooEarly,
            LetsNewOnesIn,
        },
    };
    let table = [
        (LetsGoTooEarly, "the barrier lets n through, and no fewer", 2),
        (LetsGoSilently, "a task waits for what has happened", 4),
        (LeavesSilently, "a task waits for what has happened", 6),
        (LetsNewOnesIn, "a task comes in before all have left", 4),
        (CountsTheCancelled, "the barrier knows how many are inside", 2),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &barrier((Some(wrong), None), 3), property, actions);
    }
    let hides = interrupted((Some(HidesTheEnd), None), Reset);
    breaks(HidesTheEnd, &hides, "a task gets through before n have arrived", 3);
}

/// asyncio's own: an index is how many are inside, and one that was given up is not given anew.
#[test]
fn after_a_cancellation_two_tasks_may_have_the_same_index() {
    let strict = |cancels| {
        let way = (None, Some(barrier::Strict::OwnIndex));
        Scripts { drops: 0, ..barrier(way, cancels) }
    };
    let path = breaks("a barrier", &strict(1), "two tasks have the same index", 6);
    assert_eq!(path, [Step(0), Cancel(0), Step(1), Step(0), Step(2), Step(3)]);
    holds("barrier of 3, own indices", strict(0), (197, 328));
}

/// asyncio's own: an abort or a reset also fails those that were let through and have not left.
#[test]
fn an_abort_fails_who_was_let_through() {
    let strict = (None, Some(barrier::Strict::LetThroughIsThrough));
    for op in [barrier::Op::Abort, barrier::Op::Reset] {
        breaks(op, &interrupted(strict, op), "a task that was let through fails", 4);
    }
}

fn queue(wrong: Option<queue::Wrong>, last: queue::Op) -> Scripts<queue::Queue> {
    use queue::Op::{Get, Join, Put, TaskDone};
    let scripts = vec![
        vec![Put(1), Put(2), Join],
        vec![Put(3), last],
        vec![Get, TaskDone, Get, TaskDone],
        vec![Get, TaskDone],
    ];
    Scripts { primitive: queue::Queue::new(1, wrong), scripts, cancels: 3, drops: 1 }
}

#[test]
fn no_item_is_lost_and_nobody_waits_for_what_is_there() {
    use queue::Op::{Join, Put, ShutDown};
    holds("queue of 1", queue(None, Put(4)), (22_975, 102_395));
    holds("queue of 1, joined twice", queue(None, Join), (22_661, 96_997));
    holds("queue of 1, shut down", queue(None, ShutDown(false)), (12_771, 53_875));
    holds("queue of 1, shut down at once", queue(None, ShutDown(true)), (11_784, 50_856));
    let two = queue::Queue::new(2, None);
    holds("queue of 2", Scripts { primitive: two, ..queue(None, Put(4)) }, (20_068, 82_480));
}

#[test]
fn every_wrong_queue_is_caught() {
    use queue::{
        Op::ShutDown,
        Wrong::{
            DropsAnItem, EndsSilently, GetsSilently, HoldsOneMore, KeepsItsTurn, PutsSilently,
            ShutsDownSilently, TrustsItsWake,
        },
    };
    let table = [
        (KeepsItsTurn, "a get waits beside an item", 6),
        (DropsAnItem, "an item is lost, or doubled", 3),
        (PutsSilently, "a get waits beside an item", 5),
        (HoldsOneMore, "there are too many", 2),
        (GetsSilently, "a put waits beside room", 6),
        (ShutsDownSilently, "a put waits beside room", 6),
        (EndsSilently, "a join waits although all is done", 10),
        (TrustsItsWake, "an item is gone", 4),
    ];
    for (wrong, property, actions) in table {
        breaks(wrong, &queue(Some(wrong), ShutDown(false)), property, actions);
    }
}
