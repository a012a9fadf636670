use std::{
    process::Command,
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize, Ordering},
    },
};

use loom::{sync::Arc, thread};

use crate::{
    inbox::Inbox,
    wrong::{Mistake, WrongInbox},
};

/// What threads and the loop need of an inbox: the real one, or a wrong one.
trait Mail: Send + Sync + 'static {
    fn post(&self, message: u32);
    fn drain(&self) -> Vec<u32>;
    fn park(&self);
}

impl Mail for Inbox<u32> {
    fn post(&self, message: u32) {
        Inbox::post(self, message).unwrap();
    }

    fn drain(&self) -> Vec<u32> {
        Inbox::drain(self)
    }

    fn park(&self) {
        Inbox::park(self);
    }
}

impl Mail for WrongInbox<u32> {
    fn post(&self, message: u32) {
        WrongInbox::post(self, message);
    }

    fn drain(&self) -> Vec<u32> {
        WrongInbox::drain(self)
    }

    fn park(&self) {
        WrongInbox::park(self);
    }
}

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

/// The loop goes idle against a thread that posts so often. Whenever it wakes, there is mail.
fn idle_against<I: Mail>(inbox: I, posts: u32) {
    let inbox = Arc::new(inbox);
    let sender = {
        let inbox = inbox.clone();
        thread::spawn(move || (0..posts).for_each(|message| inbox.post(message)))
    };
    let mut got = inbox.drain();
    while got.len() < posts as usize {
        inbox.park();
        let mail = inbox.drain();
        assert!(!mail.is_empty(), "the loop woke up, and finds no mail");
        got.extend(mail);
    }
    assert!(got.into_iter().eq(0..posts), "mail is lost, doubled or out of order");
    sender.join().unwrap();
}

#[test]
fn a_wake_between_drain_and_idle_is_not_lost() {
    explore("one wake", None, || idle_against(Inbox::new(), 1));
    explore("two wakes", None, || idle_against(Inbox::new(), 2));
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

fn wrong(mistake: Mistake) {
    explore("a wrong inbox", None, move || idle_against(WrongInbox::new(mistake), 2));
}

#[test]
fn an_inbox_that_looks_before_it_locks_is_caught() {
    let test = "tests::an_inbox_that_looks_before_it_locks_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::LooksBeforeLock));
}

#[test]
fn an_inbox_that_rings_before_the_mail_is_in_is_caught() {
    let test = "tests::an_inbox_that_rings_before_the_mail_is_in_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::RingsBeforePush));
}

#[test]
fn an_inbox_that_clears_its_flag_too_late_is_caught() {
    let test = "tests::an_inbox_that_clears_its_flag_too_late_is_caught";
    is_caught(test, "and finds no mail", || wrong(Mistake::ClearsAfterDrain));
}

#[test]
fn an_inbox_that_gives_up_where_the_lock_is_taken_is_caught() {
    let test = "tests::an_inbox_that_gives_up_where_the_lock_is_taken_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::TriesTheLock));
}
