//! `asyncio.Event`.

use std::{cell::RefCell, rc::Rc};

use super::{
    machine::event::Machine,
    turn::{Bound, Turn, Waiter, wake},
};
use crate::{
    exec::{Error, raw::Object},
    sched::Access,
};

/// The parts that are touched by themselves.
const FLAG: u64 = 0;
const LINE: u64 = 1;

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
    machine: RefCell<Machine<Waiter>>,
    object: Object,
    bound: Bound,
}

impl Default for Inner {
    fn default() -> Self {
        let (machine, object) = (RefCell::new(Machine::new(false)), Object::new("event"));
        Inner { machine, object, bound: Bound::default() }
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event::default()
    }

    /// As `is_set()`.
    pub fn is_set(&self) -> bool {
        self.0.object.part(FLAG).touch(Access::Read);
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
        self.0.object.part(FLAG).touch(Access::Write);
        self.0.object.part(LINE).touch(Access::Write);
        let waiting = self.0.machine.borrow_mut().set();
        wake(waiting);
    }

    /// As `clear()`.
    pub fn clear(&self) {
        self.0.object.part(FLAG).touch(Access::Write);
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
        // Those that wait come and go in any order: all are woken at once.
        let line = self.0.object.part(LINE);
        let leave = |waiter: &Waiter, _| {
            line.touch(Access::Add);
            self.0.machine.borrow_mut().leave(waiter);
        };
        let turn = Turn::new("Event::wait", &self.0.bound, leave)?;
        line.touch(Access::Add);
        self.0.machine.borrow_mut().enqueue(turn.waiter());
        turn.wait().await
    }
}
