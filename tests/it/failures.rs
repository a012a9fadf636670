//! How a check fails, besides by a wrong order: what is left, what is reported, what must hold at
//! rest.

use std::{
    cell::{Cell, RefCell},
    env,
    hint::black_box,
    process::Command,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use seedloop::{
    AsyncGuard, Check, Config, Error, Event, Failure, FailureKind, Runner, Semaphore, Token,
    at_end, gather, run, sleep, spawn, spawn_named, with, yield_now,
};

fn failure<F>(check: Check, program: impl Fn() -> F) -> Box<Failure>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    check.schedules(200).try_run(program).expect_err("it fails")
}

async fn loses_a_permit(permits: Semaphore) -> Result<(), Error> {
    let permit = permits.acquire().await?;
    if yield_now().await.is_err() {
        permit.forget(); // the bug: only where it is cancelled
        return Ok(());
    }
    drop(permit);
    Ok(())
}

#[test]
fn an_invariant_at_rest_is_checked_when_all_is_over() {
    let program = || async {
        let permits = Semaphore::new(2);
        let all = permits.clone();
        at_end(move || assert_eq!(all.permits(), 2, "every permit is back"));
        let _ = gather((
            spawn(loses_a_permit(permits.clone())).cancellable(),
            spawn(loses_a_permit(permits)).cancellable(),
        ))
        .await;
        Ok(())
    };
    assert!(Check::new().schedules(50).try_run(program).is_ok());
    let failure = failure(Check::new().cancellations(1), program);
    assert_eq!(failure.kind, FailureKind::Invariant);
    assert!(failure.text.contains("every permit is back"), "{failure}");
    let replayed = Check::new().command("again").try_run(program);
    assert!(replayed.is_ok(), "the invariants of one schedule are not those of another");
}

#[test]
fn invariants_run_after_the_clean_up_in_order_and_not_in_a_stuck_run() {
    let seen = Rc::new(Cell::new(0));
    let ran = {
        let seen = seen.clone();
        run(async move {
            let cleaned = Rc::new(Cell::new(false));
            let clean = cleaned.clone();
            drop(spawn(async move {
                let _ = std::future::pending::<()>().await;
                clean.set(true);
            }));
            let (first, second) = (seen.clone(), seen);
            at_end(move || first.set(1));
            at_end(move || second.set(second.get() * 10));
            let _cleaned = cleaned;
        })
    };
    assert!(ran.is_ok());
    assert_eq!(seen.get(), 10);
    let stuck = run(async {
        at_end(|| panic!("nothing is at rest here"));
        std::future::pending::<()>().await;
    });
    assert!(matches!(stuck, Err(Error::Deadlock(_))));
}

#[test]
#[should_panic(expected = "what must hold")]
fn an_invariant_of_a_plain_run_panics_out_of_it() {
    let _ = run(async { at_end(|| panic!("what must hold")) });
}

#[test]
fn a_task_that_is_left_behind_is_named_where_that_is_asked_for() {
    let program = || async {
        drop(spawn_named("straggler", async { while yield_now().await.is_ok() {} }));
        yield_now().await
    };
    assert!(Check::new().schedules(50).try_run(program).is_ok());
    let failure = failure(Check::new().tasks_must_end(), program);
    assert_eq!(failure.kind, FailureKind::LeakedTask);
    assert!(failure.text.contains("straggler (spawned at tests/it/failures.rs:"), "{failure}");
}

#[test]
fn what_is_reported_fails_a_check_where_that_is_asked_for() {
    let unretrieved = || async {
        drop(spawn(async { Err::<(), Error>(Error::QueueFull) }));
        yield_now().await?;
        yield_now().await
    };
    assert!(Check::new().schedules(50).try_run(unretrieved).is_ok());
    let failed = failure(Check::new().reports_fail(), unretrieved);
    assert_eq!(failed.kind, FailureKind::Report);
    assert!(failed.text.contains("never retrieved (task 1): the queue is full"), "{failed}");

    let skipped = || async {
        let task = spawn(with(Nothing, async |_| yield_now().await)).cancellable();
        let _ = task.await;
        let Nothing = AsyncGuard::new(Nothing).into_inner();
        Ok(())
    };
    assert!(Check::new().reports_fail().schedules(50).try_run(skipped).is_ok());
    let failed = failure(Check::new().reports_fail().cancellations(1), skipped);
    assert!(failed.text.contains("async exit of it::failures::Nothing was skipped"), "{failed}");
}

struct Nothing;

impl seedloop::AsyncExit for Nothing {
    async fn exit(self, _: seedloop::Leaving) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_stuck_task_is_said_to_have_a_waker_somewhere_or_not() {
    let said = |program: fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        run(program()).expect_err("a deadlock").to_string()
    };
    let dropped = said(|| Box::pin(std::future::pending()));
    assert!(dropped.contains(") waits for a foreign future, and nobody kept its waker"));
    let kept = said(|| {
        let mut held = Vec::new();
        Box::pin(std::future::poll_fn(move |context| {
            held.push(context.waker().clone());
            std::task::Poll::Pending
        }))
    });
    let cloned = "whoever keeps its waker (last cloned in its poll 1, at 0ns) does not wake it";
    assert!(kept.contains(cloned), "{kept}");
}

/// Ready once it is set, but wakes nobody.
fn forgetful(set: &Rc<Cell<bool>>) -> impl Future<Output = ()> + use<> {
    let set = set.clone();
    std::future::poll_fn(move |_| if set.get() { Poll::Ready(()) } else { Poll::Pending })
}

#[test]
fn a_lost_wake_up_is_told_from_a_wait_without_end() {
    let program = || async {
        let set = Rc::new(Cell::new(false));
        drop(spawn_named("patient", forgetful(&Rc::default())));
        let waiter = spawn_named("waiter", forgetful(&set));
        yield_now().await?;
        set.set(true);
        waiter.await
    };
    let failed = failure(Check::new(), program);
    assert_eq!(failed.kind, FailureKind::Deadlock);
    let lost = "waiter goes on when it is polled once more: a wake-up was lost";
    assert!(failed.text.contains(lost), "{failed}");
    assert!(!failed.text.contains("patient goes on"), "{failed}");
    // The replay shows the probe; it is part of the run.
    assert!(failed.to_string().contains("outside has waiter polled once more"), "{failed}");
    let quiet = failure(Check::new().probe(false), program);
    assert!(!quiet.text.contains("polled once more"), "{quiet}");
    let token = quiet.token.expect("a failure has one").to_string();
    let again: Token = token.parse().expect("a token reads back");
    assert!(again.settings.no_probe, "{token}");
}

#[test]
fn a_wake_of_a_task_that_is_ready_already_is_in_the_trace() {
    let mut runner = Runner::new(Config::default().record(true));
    let twice = runner.run(async {
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let kept = waker.clone();
        let waiter = spawn_named("waiter", async move {
            let mut polled = false;
            std::future::poll_fn(move |context| {
                kept.replace(Some(context.waker().clone()));
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        yield_now().await?;
        let waker = waker.take().expect("it was polled");
        waker.wake_by_ref();
        waker.wake();
        waiter.await
    });
    assert!(twice.is_ok());
    let report = runner.finish();
    let text = report.trace.to_string();
    assert!(text.contains(" wakes waiter\n"), "{text}");
    assert!(text.contains("wakes waiter, which is ready already"), "{text}");
}

#[test]
fn a_panic_in_the_clean_up_is_shown_with_what_led_to_it() {
    let program = || async {
        let sleeper = async { sleep(Duration::from_secs(5)).await.expect("no cancellation") };
        drop(spawn_named("sleeper", sleeper));
        yield_now().await
    };
    let text = failure(Check::new(), program).to_string();
    let (_, clean_up) = text.split_once("-- main is done: what is left is cancelled").expect(&text);
    assert!(clean_up.contains("cancels sleeper") && clean_up.contains("panicked"), "{text}");
    assert!(text.contains("no cancellation: Cancelled(Cancelled)"), "{text}");
}

#[test]
fn a_check_says_what_it_injected() {
    let check = || Check::new().schedules(100).cancellations(1).slips(1);
    let idle = check().run(yield_now);
    assert_eq!((idle.cancelled, idle.slipped), (0, 0));
    let text = idle.to_string();
    assert!(text.contains("no cancellation: offer tasks") && text.contains("no slip"), "{text}");
    let busy = check().run(|| async {
        let ticker = spawn(async { sleep(Duration::from_secs(1)).await }).cancellable();
        yield_now().await?;
        yield_now().await?;
        let _ = ticker.await;
        Ok::<(), Error>(())
    });
    let shown = format!(
        "a cancellation in {} of them, a slip in {} of them)",
        busy.cancelled, busy.slipped
    );
    assert!(busy.to_string().ends_with(&shown) && busy.cancelled > 0, "{busy}");
    let nothing = Check::new().schedules(0).try_run(yield_now).unwrap_err();
    assert_eq!(nothing.text, "schedules(0) would check nothing: give 1 or more");
}

#[test]
fn a_schedule_that_was_given_is_not_replayed_by_a_token() {
    let given =
        Check::new().try_schedule(&Default::default(), || async { Event::new().wait().await });
    let text = given.unwrap_err().to_string();
    assert!(text.starts_with("Deadlock in the given schedule\n"), "{text}");
    assert!(text.ends_with("(proptest keeps it in a file)"), "{text}");
}

/// A hang ends the process, so it runs in one of its own. A check runs its first schedule a second
/// time: there it is seen too.
#[test]
fn a_hang_inside_one_poll_names_the_task_and_ends_the_process() {
    const ALONE: &str = "SEEDLOOP_TEST_HANG_IN_RUN";
    if let Ok(hangs_in) = env::var(ALONE) {
        let (runs, hangs_in): (_, u32) = (Cell::new(0), hangs_in.parse().expect("a number"));
        let check = Check::new().seed(7).watchdog(Some(Duration::from_millis(200)));
        check.run(|| {
            runs.set(runs.get() + 1);
            let hangs = runs.get() == hangs_in;
            async move { spawn_named("spinner", async move { while black_box(hangs) {} }).await }
        });
        return;
    }
    let this = env::current_exe().expect("a path");
    let test = "failures::a_hang_inside_one_poll_names_the_task_and_ends_the_process";
    let said = ["1", "2"].map(|hangs_in| {
        let mut alone = Command::new(&this);
        let ran = alone.args([test, "--exact", "--nocapture"]).env(ALONE, hangs_in).output();
        let ran = ran.expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(101), "{said}");
        let names = "hang inside one poll: task spinner (spawned at tests/it/failures.rs:";
        assert!(said.contains(names), "{said}");
        said
    });
    let again = "SEEDLOOP_SEED=7 SEEDLOOP_SCHEDULES=1 runs up to it";
    assert!(said[0].contains(again), "{}", said[0]);
}
