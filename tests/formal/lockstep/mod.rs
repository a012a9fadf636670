//! A run of the real kernel held against the model that `proofs/` proves things about: operation by
//! operation, and whole states now and then. The caller installs it.

pub(crate) mod certify;
mod compare;
mod translate;

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use seedloop::lockstep::Log;
use seedloop_oracle::{Checker, Model};

use translate::Translator;

const MODEL: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/proofs/extracted/model.json"));

/// The model's tables are lists. A run is followed until it has more entries than this.
const ENTRIES_MAX: usize = 1_000;
/// The model recurses along lists.
const STACK: usize = 1 << 30;
const THREADS: usize = 2;
/// How many operations a rejection shows before the one that was rejected.
const SHOWN: usize = 12;

/// A run, and where to say what is wrong with it.
struct Job(Log, SyncSender<Result<(), String>>);

/// Holds a run against the model. An error names the operation, or what differs.
pub(crate) fn check(log: Log) -> Result<(), String> {
    static WORKERS: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let (answer, answered) = sync_channel(1);
    let workers = WORKERS.get_or_init(start).lock().expect("nobody panics with it").clone();
    workers.send(Job(log, answer)).expect("the workers live");
    answered.recv().expect("every job is answered")
}

/// Threads that check, each with a model of its own.
fn start() -> Mutex<Sender<Job>> {
    let (sender, receiver) = channel();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let receiver = receiver.clone();
        let worker = thread::Builder::new().name("lockstep".into()).stack_size(STACK);
        worker.spawn(move || work(&receiver)).expect("a thread");
    }
    Mutex::new(sender)
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    let model = Model::load(MODEL).expect("proofs/extracted/model.json");
    loop {
        let job = receiver.lock().expect("nobody panics with it").recv();
        let Ok(Job(log, answer)) = job else { return };
        let followed = catch_unwind(AssertUnwindSafe(|| follow(&model, &log)));
        let followed =
            followed.unwrap_or_else(|panic| Err(format!("the model: {}", text(&*panic))));
        certify::run(&model, &log);
        // Nobody waits any more if the whole test has ended.
        let _ = answer.send(followed);
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a text",
    }
}

/// Feeds the run to the model, and compares the whole states that the log has.
fn follow(model: &Model, log: &Log) -> Result<(), String> {
    let mut checker = Checker::new(model);
    let mut translator = Translator::new(model);
    let mut views = log.views.iter().peekable();
    for at in 0..=log.steps.len() {
        if let Some((_, view)) = views.next_if(|(steps_before, _)| *steps_before == at) {
            compare::same(&mut translator, view, checker.state())
                .map_err(|difference| excerpt(log, at, &difference))?;
            if view.len() > ENTRIES_MAX {
                return Ok(());
            }
        }
        let Some(step) = log.steps.get(at) else { break };
        let (operation, answer) = translator.step(step);
        let fed = checker.feed(operation, answer);
        fed.map_err(|rejection| excerpt(log, at + 1, &rejection))?;
    }
    Ok(())
}

/// What is wrong after so many operations, and the last of these.
fn excerpt(log: &Log, end: usize, wrong: &dyn fmt::Display) -> String {
    let mut text = format!("{wrong}\nthe last operations, under the kernel's names:");
    for (at, step) in log.steps.iter().enumerate().take(end).skip(end.saturating_sub(SHOWN)) {
        text += &format!("\n  {at}: {:?} -> {:?}", step.op, step.answer);
    }
    text
}
