//! `asyncio.Event`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::turn::{Bound, Turn, WaitList, Waiter, Waiting};
use crate::{exec::Error, kernel::State};

/// A flag that tasks wait for. As `asyncio.Event`. Clones are handles of the same event.
///
/// # Examples
/// ```
/// use seedloop::{Error, Event, run, spawn};
/// run(async {
///     let event = Event::new();
///     let waiter = spawn({ let event = event.clone(); async move { event.wait().await } });
///     event.set();
///     waiter.await
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Event(Rc<Inner>);

#[derive(Default)]
struct Inner {
    is_set: Cell<bool>,
    waiters: RefCell<Vec<Waiter>>,
    bound: Bound,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event::default()
    }

    /// As `is_set()`.
    pub fn is_set(&self) -> bool {
        self.0.is_set.get()
    }

    /// As `set()`: wakes all that wait now; a `clear` in the same step does not take it back.
    pub fn set(&self) {
        if self.0.is_set.replace(true) {
            return;
        }
        let waiters = self.0.waiters.borrow().clone();
        let pending = waiters.iter().filter(|waiter| waiter.state() == State::Pending);
        pending.for_each(Waiter::wake);
    }

    /// As `clear()`.
    pub fn clear(&self) {
        self.0.is_set.set(false);
    }

    /// As `wait()`: a schedule point unless it is set, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn wait(&self) -> Result<(), Error> {
        if self.is_set() {
            return Ok(());
        }
        let turn = Turn::new(self, "Event::wait", &self.0.bound)?;
        self.0.waiters.borrow_mut().push(turn.waiter());
        turn.wait().await
    }
}

impl WaitList for Event {
    fn over(&self, waiter: &Waiter, _is_turn: bool) {
        self.0.waiters.borrow_mut().retain(|other| other != waiter);
    }
}
