//! Errors that nobody else sees go to the exception handler; and each context has its variables.

use std::{cell::RefCell, rc::Rc, time::Duration};

use seedloop::{
    Config, ContextVar, Error, Future, Runner, call_later, call_soon, run, sleep, spawn,
    spawn_named, yield_now,
};

/// What the handler is told while `program` runs and is cleaned up.
fn told<F>(program: F) -> Vec<String>
where
    F: std::future::Future<Output = Result<(), Error>> + 'static,
{
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut runner = Runner::new(Config::default());
    let shared = told.clone();
    runner.set_exception_handler(move |context| shared.borrow_mut().push(context.to_string()));
    runner.run(program).unwrap();
    runner.close().unwrap();
    runner.finish();
    told.take()
}

#[test]
fn a_panic_in_a_callback_is_reported_and_the_loop_goes_on() {
    let told = told(async {
        call_soon(|| panic!("in a callback"));
        call_later(Duration::from_secs(1), || panic!("in a timer"));
        sleep(Duration::from_secs(2)).await
    });
    let expected = ["Exception in callback: in a callback", "Exception in callback: in a timer"];
    assert_eq!(told, expected);
}

#[test]
fn an_error_that_is_never_retrieved_is_reported_when_its_last_handle_goes() {
    let told = told(async {
        drop(spawn(async { Err::<(), Error>(Error::TimedOut) }));
        let seen = spawn(async { Err::<(), Error>(Error::QueueFull) });
        let future: Future<()> = Future::new();
        future.set_error(Error::QueueEmpty)?;
        drop(future);
        yield_now().await?;
        assert!(seen.await.is_err());
        Ok(())
    });
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("Future exception was never retrieved"), "{told:?}");
    assert_eq!(told[1], "Task exception was never retrieved (task 1): timed out");
}

#[test]
fn an_error_in_the_clean_up_is_reported() {
    let told = told(async {
        let kept = spawn_named("kept", async {
            let _ = sleep(Duration::from_secs(9)).await;
            Err::<(), Error>(Error::QueueFull)
        });
        std::mem::forget(kept);
        yield_now().await
    });
    assert_eq!(
        told,
        ["unhandled exception during asyncio.run() shutdown (task kept): the queue is full"]
    );
}

#[test]
fn a_panic_in_the_handler_is_not_the_loops() {
    let mut runner = Runner::new(Config::default());
    runner.set_exception_handler(|_| panic!("in the handler"));
    let answer = runner.run(async {
        call_soon(|| panic!("in a callback"));
        yield_now().await?;
        Ok::<i32, Error>(5)
    });
    assert_eq!(answer.unwrap(), 5);
}

#[test]
fn who_makes_a_task_or_callback_gives_it_a_copy_of_its_variables() {
    run(async {
        let user = ContextVar::new("user").with_default("nobody");
        assert_eq!(user.get(), Some("nobody"));
        let seen: Rc<RefCell<Vec<&str>>> = Rc::default();
        let note = |user: &ContextVar<&'static str>| {
            let (user, seen) = (user.clone(), seen.clone());
            move || seen.borrow_mut().push(user.get().unwrap())
        };
        user.set("ann");
        let future: Future<()> = Future::new();
        call_soon(note(&user));
        call_later(Duration::from_secs(1), note(&user));
        let done = note(&user);
        future.add_done_callback(move |_| done());
        user.set("bob");
        let theirs = user.clone();
        let task = spawn(async move {
            let before = theirs.get();
            theirs.set("cat");
            yield_now().await.unwrap();
            (before, theirs.get())
        });
        future.set_result(())?;
        assert_eq!(task.await?, (Some("bob"), Some("cat")));
        // What is awaited directly shares the context.
        let shared = user.clone();
        async move { shared.set("dan") }.await;
        assert_eq!(user.get(), Some("dan"));
        sleep(Duration::from_secs(2)).await?;
        assert_eq!(*seen.borrow(), ["ann", "ann", "ann"]);
        Ok::<(), Error>(())
    })
    .unwrap();
}
