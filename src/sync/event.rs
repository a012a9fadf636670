//! `asyncio.Event`.

use std::rc::Rc;

use super::{
    machine::event::Machine,
    turn::{Bound, Turn, Waiter, wake},
};
use crate::exec::{Error, Watched};

/// A flag that tasks wait for. As `asyncio.Event` (`locks.py`). Clones are handles of the same
/// event.
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

struct Inner {
    machine: Watched<Machine<Waiter>>,
    bound: Bound,
}

impl Default for Inner {
    fn default() -> Self {
        Inner { machine: Watched::new("event", Machine::new(false)), bound: Bound::default() }
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event::default()
    }

    /// As `is_set()`.
    pub fn is_set(&self) -> bool {
        self.0.machine.borrow().is_set()
    }

    /// As `set()`: wakes all that wait now; a `clear` in the same step does not take it back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Event, gather, run, spawn, yield_now};
    /// run(async {
    ///     let event = Event::new();
    ///     let wait = |event: Event| spawn(async move { event.wait().await });
    ///     let waits = [event.clone(), event.clone()].map(wait);
    ///     yield_now().await?;
    ///     event.set();
    ///     event.clear();
    ///     gather(waits).await?; // both were waiting, and go on
    ///     assert!(!event.is_set());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn set(&self) {
        wake(self.0.machine.borrow_mut().set());
    }

    /// As `clear()`.
    pub fn clear(&self) {
        self.0.machine.borrow_mut().clear();
    }

    /// As `wait()`: waits until it is set. A schedule point unless it is, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn wait(&self) -> Result<(), Error> {
        if self.is_set() {
            return Ok(());
        }
        let leave = |waiter: &Waiter, _| self.0.machine.borrow_mut().leave(waiter);
        let turn = Turn::new("Event::wait", &self.0.bound, leave)?;
        self.0.machine.borrow_mut().enqueue(turn.waiter());
        turn.wait().await
    }
}
