use std::{
    process::Command,
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize, Ordering},
    },
};

use loom::{sync::Arc, thread};

use crate::{inbox::Inbox, wrong::WrongInbox};

/// Runs a model and prints how many interleavings it had.
pub(crate) fn explore(
    what: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let runs = StdArc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let runs = runs.load(Ordering::Relaxed);
    let bound = preemptions.map_or("any number".into(), |bound| bound.to_string());
    println!("{what}: {runs} interleavings, with {bound} of preemptions");
    assert!(runs > 1, "{what}: only one interleaving was run");
}

#[test]
fn a_wake_between_drain_and_idle_is_not_lost() {
    explore("one sender", None, || {
        let inbox = Arc::new(Inbox::new());
        let sender = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.post(1).unwrap())
        };
        let mut got = inbox.drain();
        while got.is_empty() {
            inbox.park();
            got.extend(inbox.drain());
        }
        assert_eq!(got, [1]);
        sender.join().unwrap();
    });
}

#[test]
fn every_wake_of_two_threads_arrives_once_and_in_its_senders_order() {
    explore("two senders", Some(3), || {
        let inbox = Arc::new(Inbox::new());
        let send = |messages: &'static [u32]| {
            let inbox = inbox.clone();
            thread::spawn(move || {
                messages.iter().for_each(|&message| inbox.post(message).unwrap());
            })
        };
        let senders = [send(&[1, 2]), send(&[10])];
        let mut got = Vec::new();
        while got.len() < 3 {
            got.extend(inbox.drain());
            if got.len() < 3 {
                inbox.park();
            }
        }
        assert!(inbox.drain().is_empty());
        let of_first: Vec<u32> = got.iter().copied().filter(|&message| message < 10).collect();
        assert_eq!((of_first, got.len()), (vec![1, 2], 3));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_message_is_taken_or_given_back_when_the_inbox_closes() {
    explore("a close", None, || {
        let inbox = Arc::new(Inbox::new());
        let sender = {
            let inbox = inbox.clone();
            thread::spawn(move || [1, 2].map(|message| inbox.post(message).err()))
        };
        let mut got = inbox.drain();
        got.extend(inbox.close());
        assert!(inbox.is_closed() && inbox.drain().is_empty());
        got.extend(sender.join().unwrap().into_iter().flatten());
        assert_eq!(got, [1, 2]);
    });
}

/// loom aborts the process on a deadlock, so a wrong variant runs in one of its own: in the test of
/// this name. It must fail, and say why.
pub(crate) fn is_caught(test: &str, why: &str, wrong: impl FnOnce()) {
    const ALONE: &str = "SEEDLOOP_MODEL_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return wrong();
    }
    let this = std::env::current_exe().unwrap();
    let ran = Command::new(this).args([test, "--exact", "--nocapture"]).env(ALONE, "1").output();
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success(), "{test}: the wrong one was not caught");
    assert!(said.contains(why), "{test}: caught for another reason: {said}");
}

#[test]
fn an_inbox_that_looks_before_it_locks_is_caught() {
    let test = "tests::an_inbox_that_looks_before_it_locks_is_caught";
    is_caught(test, "deadlock; threads", wrong_inbox);
}

fn wrong_inbox() {
    explore("wrong inbox", None, || {
        let inbox = Arc::new(WrongInbox::new());
        let sender = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.post(1))
        };
        let mut got = inbox.drain();
        while got.is_empty() {
            inbox.park();
            got.extend(inbox.drain());
        }
        sender.join().unwrap();
    });
}
