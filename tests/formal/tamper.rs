//! What the model must refuse: the log of a real run that is changed in one place.

use std::sync::OnceLock;

use seedloop::{
    kernel::{End, Exit, Handle, State, Turn},
    lockstep::{Answer, Log, Op, Step},
};

use crate::{keep::logs_of, lockstep::check, programs};

/// Rich runs, without their whole states: the operations alone must give it away.
fn logs() -> Vec<Log> {
    static LOGS: OnceLock<Vec<Log>> = OnceLock::new();
    let run = || {
        let programs = programs::ALL.iter().filter(|(name, _)| *name != "shrunk");
        let logs = programs.flat_map(|(_, program)| logs_of(program).into_iter().take(2));
        logs.map(|log| Log { views: Vec::new(), ..log }).collect()
    };
    LOGS.get_or_init(run).clone()
}

/// Changes a run at the first place where `change` can; it must be refused. Says how many runs
/// were changed.
fn refused(change: impl Fn(&mut Vec<Step>, usize) -> bool) -> usize {
    let mut changed = 0;
    for mut log in logs() {
        if (0..log.steps.len()).any(|at| change(&mut log.steps, at)) {
            let checked = check(log.clone());
            assert!(checked.is_err(), "accepted: {log:?}");
            changed += 1;
        }
    }
    changed
}

/// Is it this operation, with that answer?
macro_rules! at {
    ($steps:ident, $at:ident, $op:pat, $answer:pat) => {
        matches!(&$steps[$at], Step { op: $op, answer: $answer })
    };
}

#[test]
fn the_logs_are_accepted_unless_they_are_changed() {
    let logs = logs();
    assert!(logs.len() > 20, "{}", logs.len());
    for log in logs {
        assert_eq!(check(log), Ok(()));
    }
}

/// Another answer than the kernel's.
fn other(answer: &Answer) -> Answer {
    match answer {
        Answer::Unit => Answer::Bool(true),
        Answer::Bool(given) => Answer::Bool(!given),
        Answer::Turn(Turn::Ready) => Answer::Turn(Turn::Advanced),
        Answer::Turn(_) => Answer::Turn(Turn::Ready),
        Answer::Count(left) => Answer::Count(left + 1),
        Answer::Message(None) => Answer::Message(Some("another".into())),
        Answer::Futures(futures) if !futures.is_empty() => Answer::Futures(Vec::new()),
        Answer::Calls(calls) if !calls.is_empty() => Answer::Calls(Vec::new()),
        Answer::Await(seedloop::kernel::Answer::Pending, since) => {
            Answer::Await(seedloop::kernel::Answer::Done, *since)
        }
        Answer::Await(_, since) => Answer::Await(seedloop::kernel::Answer::Pending, *since),
        Answer::Entry(seedloop::kernel::Entry::Poll) => {
            Answer::Entry(seedloop::kernel::Entry::Drop(None))
        }
        Answer::Entry(_) => Answer::Entry(seedloop::kernel::Entry::Poll),
        Answer::Action(Some(_)) => Answer::Action(None),
        _ => Answer::Unit,
    }
}

#[test]
fn another_answer_to_any_operation_is_refused_right_there() {
    let log = logs().into_iter().max_by_key(|log| log.steps.len().min(200)).expect("a run");
    for at in 0..log.steps.len().min(200) {
        let mut steps = log.steps.clone();
        steps[at].answer = other(&steps[at].answer);
        let refused = check(Log { steps, views: Vec::new() }).unwrap_err();
        assert!(refused.starts_with(&format!("op {at},")), "{refused}");
    }
}

#[test]
fn an_operation_that_is_missing_is_refused() {
    let missing: [fn(&[Step], usize) -> bool; 9] = [
        |steps, at| at!(steps, at, Op::Spawn, _),
        |steps, at| at!(steps, at, Op::Take(_), _),
        |steps, at| at!(steps, at, Op::BeginStep(_), Answer::Entry(_)),
        // In the last iteration nothing comes after it that could not have come before.
        |steps, at| {
            let is_later = |step: &Step| step.op == Op::BeginIteration;
            at!(steps, at, Op::BeginCall(_), _) && steps[at..].iter().any(is_later)
        },
        |steps, at| at!(steps, at, Op::EndStep(..), _),
        |steps, at| at!(steps, at, Op::BeginIteration, Answer::Turn(Turn::Advanced)),
        |steps, at| at!(steps, at, Op::FutureNew(_), _) && at + 200 < steps.len(),
        |steps, at| at!(steps, at, Op::Resolve(..), Answer::Bool(true)),
        |steps, at| at!(steps, at, Op::Busy(1..), _) && at < 40,
    ];
    for (number, is_it) in missing.into_iter().enumerate() {
        let changed = refused(|steps, at| {
            let found = is_it(steps, at);
            if found {
                steps.remove(at);
            }
            found
        });
        assert!(changed > 0, "case {number} changes a run");
    }
}

/// The kernel forgets a wake: the task is never taken, or somebody else is in its place.
#[test]
fn a_wake_that_is_dropped_is_refused() {
    let changed = refused(|steps, at| {
        let found = at!(steps, at, Op::Wake(_), Answer::Bool(true));
        if found {
            steps.remove(at);
        }
        found
    });
    assert!(changed > 0);
}

#[test]
fn an_operation_that_is_there_twice_is_refused() {
    let twice: [fn(&[Step], usize) -> bool; 7] = [
        |steps, at| at!(steps, at, Op::Spawn, _),
        |steps, at| at!(steps, at, Op::Take(_), _),
        |steps, at| at!(steps, at, Op::BeginStep(_), _),
        |steps, at| at!(steps, at, Op::BeginCall(_), _),
        |steps, at| at!(steps, at, Op::EndStep(..), _),
        |steps, at| at!(steps, at, Op::Resolve(..), Answer::Bool(true)),
        |steps, at| at!(steps, at, Op::Wake(_), Answer::Bool(true)),
    ];
    for (number, is_it) in twice.into_iter().enumerate() {
        let changed = refused(|steps, at| {
            let found = is_it(steps, at);
            if found {
                steps.insert(at, steps[at].clone());
            }
            found
        });
        assert!(changed > 0, "case {number} changes a run");
    }
}

/// As a queue that is not FIFO would do it: the handle stays, its place is another.
#[test]
fn another_place_in_the_queue_is_refused() {
    let changed = refused(|steps, at| {
        let Op::Take(index) = &mut steps[at].op else { return false };
        *index += 1;
        true
    });
    assert!(changed > 0);
}

/// As timers in the order of their addresses would do it: two handles in each other's place.
#[test]
fn two_handles_in_each_others_place_are_refused() {
    let changed = refused(|steps, at| {
        let is_call = |step: &Step| matches!(step.answer, Answer::Handle(Handle::Call(_)));
        let takes: Vec<usize> = (at..steps.len()).filter(|&at| is_call(&steps[at])).collect();
        let [first, second, ..] = takes[..] else { return false };
        let answer = steps[first].answer.clone();
        steps[first].answer = std::mem::replace(&mut steps[second].answer, answer);
        true
    });
    assert!(changed > 0);
}

#[test]
fn neighbours_that_change_places_are_refused() {
    let changed = refused(|steps, at| {
        let found = at!(steps, at, Op::Take(_), _);
        if found {
            steps.swap(at, at + 1);
        }
        found
    });
    assert!(changed > 0);
}

/// A task that has ended ends once more, or otherwise.
#[test]
fn another_end_of_a_task_is_refused() {
    let changed = refused(|steps, at| {
        let Op::EndStep(_, exit @ Exit::Pending) = &mut steps[at].op else { return false };
        *exit = Exit::Ended(End::Finished);
        true
    });
    assert!(changed > 0);
}

/// It fires before a timer that is due earlier now.
#[test]
fn a_timer_that_fires_too_early_is_refused() {
    let armed = |step: &Step| match *step {
        Step { op: Op::Arm(..), answer: Answer::Call(call) } => Some(call),
        _ => None,
    };
    let changed = refused(|steps, at| {
        let fires = |call| {
            let fired = Answer::Handle(Handle::Call(call));
            steps.iter().position(|step| step.answer == fired)
        };
        let Some(fired) = armed(&steps[at]).and_then(fires) else { return false };
        let mut others = steps[..fired].iter().filter_map(armed).filter_map(fires);
        let found = others.any(|other| other > fired);
        if let (true, Op::Arm(deadline, _)) = (found, &mut steps[at].op) {
            *deadline = u64::MAX / 2;
        }
        found
    });
    assert!(changed > 0);
}

#[test]
fn a_future_that_is_resolved_as_pending_is_refused() {
    let changed = refused(|steps, at| {
        let Op::Resolve(_, state) = &mut steps[at].op else { return false };
        *state = State::Pending;
        true
    });
    assert!(changed > 0);
}

/// What no operation shows, the whole states do.
#[test]
fn another_state_is_refused() {
    let [log, ..] = &logs_of(programs::ALL[0].1)[..] else { panic!("it runs") };
    let last = log.views.len() - 1;
    type Change = fn(&mut seedloop::lockstep::View);
    let changes: [(&str, Change); 5] = [
        ("now", |view| view.now += 1),
        ("iteration", |view| view.iteration -= 1),
        ("stopping", |view| view.stopping = !view.stopping),
        ("batch", |view| view.batch += 1),
        ("ready", |view| view.ready.extend(view.tasks.first().map(|task| Handle::Step(task.id)))),
    ];
    for (name, change) in changes {
        let mut log = log.clone();
        let at = if name == "ready" { 0 } else { last };
        change(&mut log.views[at].1);
        let refused = check(log).unwrap_err();
        assert!(refused.starts_with(name), "{refused}");
    }
}
