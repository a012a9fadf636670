//! `async with`: the exit runs in the task, whatever the body comes to.

use std::{cell::RefCell, rc::Rc, time::Duration};

use seedloop::{
    AsyncExit, AsyncGuard, Check, Config, Error, Leaving, Runner, gather, sleep, spawn, timeout,
    with, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

type Said = Rc<RefCell<Vec<String>>>;

/// Says how it was left, after a wait.
struct Door {
    said: Said,
    shut: Result<(), Error>,
}

impl AsyncExit for Door {
    async fn exit(self, leaving: Leaving) -> Result<(), Error> {
        self.said.borrow_mut().push(format!("leaving: {leaving:?}"));
        sleep(SECOND).await?;
        self.said.borrow_mut().push("shut".into());
        self.shut
    }
}

fn door(said: &Said) -> Door {
    Door { said: said.clone(), shut: Ok(()) }
}

/// Runs what `main` makes. What it and the exception handler say.
fn said_by<F>(main: impl FnOnce(Said) -> F) -> Vec<String>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (mut runner, said) = (Runner::new(Config::default()), Said::default());
    let heard = said.clone();
    runner.set_exception_handler(move |context| heard.borrow_mut().push(context.to_string()));
    let ended = runner.run(main(said.clone()));
    said.borrow_mut().push(format!("{ended:?}"));
    drop(runner);
    said.take()
}

#[test]
fn the_exit_is_told_what_the_body_came_to() {
    let finished = said_by(|said| async move { with(door(&said), async |_| Ok(())).await });
    assert_eq!(finished, ["leaving: Finished", "shut", "Ok(())"]);
    let failed =
        said_by(|said| async move { with(door(&said), async |_| Err(Error::QueueFull)).await });
    assert_eq!(failed, ["leaving: Failed", "shut", "Err(QueueFull)"]);
}

#[test]
fn the_exit_waits_also_in_a_cancelled_task() {
    let said = said_by(|said| async move {
        let task = spawn(with(door(&said), async |_| sleep(9 * SECOND).await));
        sleep(SECOND).await?;
        task.cancel();
        assert!(matches!(task.await, Err(Error::Cancelled(_))));
        assert_eq!(seedloop::now().as_nanos(), 2_000_000_000);
        Ok(())
    });
    assert_eq!(said, ["leaving: Cancelled", "shut", "Ok(())"]);
}

#[test]
fn a_timeout_leaves_by_the_exit() {
    let said = said_by(|said| async move {
        timeout(SECOND, with(door(&said), async |_| sleep(9 * SECOND).await)).await
    });
    assert_eq!(said, ["leaving: Cancelled", "shut", "Err(TimedOut)"]);
}

#[test]
fn a_second_cancel_is_told_to_the_exit() {
    let said = said_by(|said| async move {
        let task = spawn(with(door(&said), async |_| sleep(9 * SECOND).await));
        yield_now().await?;
        task.cancel();
        yield_now().await?;
        task.cancel();
        task.await
    });
    assert!(said[1].starts_with("Err(Cancelled("), "{said:?}");
    assert_eq!((&*said[0], said.len()), ("leaving: Cancelled", 2));
}

#[test]
fn an_error_of_the_exit_replaces_that_of_the_body() {
    let said = said_by(|said| async move {
        let broken = Door { shut: Err(Error::BrokenBarrier), ..door(&said) };
        with(broken, async |_| Err(Error::QueueFull)).await
    });
    assert_eq!(said[2], "Err(BrokenBarrier)");
}

#[test]
fn a_panic_goes_on_after_the_exit() {
    let said = said_by(|said| async move {
        let task = spawn(with(door(&said), async |_| -> Result<(), Error> { panic!("oh") }));
        let ended = task.await;
        assert!(matches!(ended, Err(Error::Panicked(text)) if &*text == "oh"));
        Ok(())
    });
    assert_eq!(said, ["leaving: Panicked", "shut", "Ok(())"]);
}

#[test]
fn an_exit_that_is_skipped_is_reported() {
    let said = said_by(|said| async move {
        let task = spawn(with(door(&said), async |_| sleep(9 * SECOND).await));
        yield_now().await?;
        task.abort();
        yield_now().await?;
        drop(AsyncGuard::new(door(&said)));
        AsyncGuard::new(door(&said)).close().await?;
        drop(AsyncGuard::new(door(&said)).into_inner());
        Ok(())
    });
    let skipped = "the async exit of it::with::Door was skipped";
    assert!(said[0].starts_with(skipped), "{said:?}");
    assert!(said[1].starts_with(skipped) && said[1].contains("close().await"), "{said:?}");
    assert_eq!(said[2..], ["leaving: Finished", "shut", "Ok(())"]);
}

#[test]
fn guards_nest_and_leave_inside_out_in_every_order() {
    Check::new().schedules(200).run(|| async {
        let said = Said::default();
        let nested = |said: Said| async move {
            with(door(&said), async |_| {
                with(door(&said), async |_| yield_now().await).await?;
                assert!(said.borrow().iter().any(|text| text == "shut"));
                Ok::<(), Error>(())
            })
            .await
        };
        gather((nested(said.clone()), nested(said.clone()))).await?;
        assert_eq!(said.borrow().len(), 8);
        Ok::<(), Error>(())
    });
}
