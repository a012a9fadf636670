//! What runs beside the loop, and has turns of its own: the threads of an executor. A turn is a
//! step like that of a handle, with a name, a footprint and a place in the trace, but it belongs to
//! no iteration. In asyncio's order all that is ready beside the loop has its turns where CPython's
//! loop waits for its selector: before the due timers of an iteration join its ready handles. In
//! any other order a turn may come between any two handles, or later.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{
    context::running,
    core::Core,
    job::Said,
    names::{Made, ObjectInfo},
    record::Thing,
    report::Panic,
    shell::{Closure, Shell},
    step_names::Owner,
};
use crate::{
    kernel::{Action, Handle},
    sched::{Access, ChoiceKind, StepId},
    trace::Kind,
};

/// Names somebody beside the loop, in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BesideId(usize);

/// What somebody beside the loop is to do after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It is ready for another.
    Ready,
    /// It is, at this time in ns.
    At(u64),
    /// It waits until somebody makes it ready.
    Parked,
}

/// One turn.
pub(crate) type Turn = Rc<dyn Fn() -> After>;

/// A time in ns, and a number of its own.
type Since = (u64, u64);

struct Info {
    object: ObjectInfo,
    label: Arc<str>,
    made: Made,
    turns: u32,
    turn: Turn,
    is_parked: bool,
}

/// Who is beside the loop.
#[derive(Default)]
pub(crate) struct Beside {
    all: Vec<Info>,
    /// By since when, and in which order they came to be.
    ready: BTreeMap<Since, BesideId>,
    /// Those that have let others go first: until the loop has had an iteration, if it has one.
    yielded: Vec<BesideId>,
    /// By until when.
    asleep: BTreeMap<Since, BesideId>,
    counted: u64,
    /// The turns that come now are of the iteration that is about to begin.
    between: bool,
    /// Which ready handle runs first in the iteration that begins: chosen beside those here.
    decided: Option<usize>,
}

/// Who runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Handle(Handle),
    Beside(BesideId),
}

impl Beside {
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Is somebody beside the loop? If not, nothing here is asked.
    #[inline(always)]
    pub(super) fn is_anybody(&self) -> bool {
        !self.all.is_empty()
    }

    pub(super) fn reset(&mut self) -> Vec<impl Sized + use<>> {
        self.ready.clear();
        self.yielded.clear();
        self.asleep.clear();
        (self.counted, self.decided, self.between) = (0, None, false);
        self.all.drain(..).collect()
    }

    fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    fn ready_since(&mut self, now: u64, id: BesideId) {
        let since = (now, self.count());
        self.ready.insert(since, id);
    }

    fn sleep_until(&mut self, at: u64, id: BesideId) {
        let until = (at, self.count());
        self.asleep.insert(until, id);
    }

    /// Whoever has slept for long enough is ready, in order of time.
    fn wake_due(&mut self, now: u64) {
        while let Some(first) = self.asleep.first_entry().filter(|first| first.key().0 <= now) {
            let (since, id) = first.remove_entry();
            self.ready.insert(since, id);
        }
    }

    fn step_id(&self, id: BesideId) -> StepId {
        let info = &self.all[id.0];
        StepId { owner: info.object.path_key(), ordinal: info.turns + 1 }
    }

    /// The steps that may come next here.
    pub(super) fn steps(&self) -> impl Iterator<Item = StepId> + '_ {
        self.ready.values().map(|&id| self.step_id(id))
    }

    pub(super) fn owner(&self, ready: usize) -> Option<Owner> {
        let info = &self.all[self.ready.values().nth(ready)?.0];
        Some(Owner::new(info.object.path().to_string(), info.label.clone()))
    }

    pub(super) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn label(&self, ready: usize) -> Option<Arc<str>> {
        Some(self.all[self.ready.values().nth(ready)?.0].label.clone())
    }

    pub(super) fn take(&mut self, ready: usize) -> BesideId {
        let since = *self.ready.keys().nth(ready).expect("it is one of them");
        self.ready.remove(&since).expect("just seen")
    }
}

impl Core {
    /// The loop's iteration: where it waits, the one that is about to begin.
    pub(crate) fn iteration(&self) -> u64 {
        self.kernel.iteration() + u64::from(self.beside.between)
    }

    /// Somebody new beside the loop, who is parked.
    pub(crate) fn add_beside(
        &mut self,
        what: &'static str,
        label: Arc<str>,
        turn: Turn,
    ) -> BesideId {
        let object = self.new_object(what);
        let info = Info { object, label, made: Made::default(), turns: 0, turn, is_parked: true };
        self.beside.all.push(info);
        BesideId(self.beside.all.len() - 1)
    }

    /// Makes somebody beside the loop ready, who is parked.
    pub(crate) fn ready_beside(&mut self, id: BesideId) {
        let info = &mut self.beside.all[id.0];
        if !std::mem::replace(&mut info.is_parked, false) {
            return;
        }
        let key = info.object.path_key();
        self.beside.ready_since(self.kernel.now(), id);
        self.touch(key, Access::Ready);
    }

    /// Takes who runs next, where somebody beside the loop may, or was passed over for a handle.
    #[cold]
    pub(super) fn take_beside(&mut self) -> Option<Next> {
        if let Some(index) = self.beside.decided.take() {
            return Some(Next::Handle(self.kernel.take(index)));
        }
        let (handles, is_over) = (self.kernel.ready_len(), self.kernel.iteration_over());
        if is_over && !(self.settings.one_by_one && self.beside.is_ready()) {
            return None;
        }
        let index = match self.is_watched() {
            true => {
                self.between_steps();
                self.choose_step(false)?
            }
            false => {
                self.choose_slip();
                self.choose(ChoiceKind::Order, (handles + self.beside.ready_len()) as u32) as usize
            }
        };
        Some(match index.checked_sub(handles) {
            None => Next::Handle(self.kernel.take(index)),
            Some(at) => Next::Beside(self.beside.take(at)),
        })
    }

    /// Makes somebody ready at a time, who is parked.
    pub(crate) fn ready_beside_at(&mut self, id: BesideId, at: u64) {
        self.beside.all[id.0].is_parked = false;
        self.beside.sleep_until(at, id);
    }

    /// Where the loop waits: who has a turn now, before the iteration. In a search nobody has,
    /// since there each handle is an iteration, and turns are chosen beside handles.
    fn choose_beside(&mut self) -> Option<BesideId> {
        let now = self.kernel.now();
        self.beside.wake_due(now);
        if self.settings.one_by_one || self.kernel.is_stopping() || !self.beside.is_ready() {
            return None;
        }
        let ready = self.beside.ready_len();
        let value = match self.is_watched() {
            true => {
                self.between_steps();
                self.choose_step(true)?
            }
            false => {
                self.choose(ChoiceKind::Order, (ready + self.kernel.ready_len()) as u32) as usize
            }
        };
        if value >= ready {
            self.beside.decided = Some(value - ready);
            return None;
        }
        Some(self.beside.take(value))
    }

    /// Nobody beside the loop is next. Says whether the loop waits for one of them before it has an
    /// iteration.
    fn waits_beside(&mut self) -> bool {
        let yielded = std::mem::take(&mut self.beside.yielded);
        let goes_on = !yielded.is_empty() && self.kernel.ready_len() == 0;
        yielded.into_iter().for_each(|id| self.beside.ready_since(self.kernel.now(), id));
        goes_on && !self.settings.one_by_one || self.advance_to_beside()
    }

    /// If nothing else is ready and somebody beside the loop sleeps for the shortest time, the
    /// clock moves to its end.
    fn advance_to_beside(&mut self) -> bool {
        let Some((&(at, _), _)) = self.beside.asleep.first_key_value() else { return false };
        let now = self.kernel.now();
        let is_later = self.kernel.next_deadline().is_some_and(|deadline| deadline < at);
        if self.kernel.ready_len() > 0 || self.beside.is_ready() || at <= now || is_later {
            return false;
        }
        self.end_watched_step();
        self.kernel.busy(at - now);
        self.beside.wake_due(at);
        self.note_clock(Kind::Advance);
        self.advance_step();
        true
    }

    /// Its turn begins: it acts from here on.
    fn begin_turn(&mut self, id: BesideId) -> Turn {
        self.recorder.begin_step();
        let info = &mut self.beside.all[id.0];
        info.turns += 1;
        let (path, made, turn) = (info.object.path(), info.made, info.turn.clone());
        let label = self.recorder.trace.is_some().then(|| info.label.clone());
        self.enter_as(path, made, label);
        self.note(Kind::Turn, Thing::None, 0);
        turn
    }

    fn end_turn_beside(&mut self, id: BesideId, after: After) {
        let now = self.kernel.now();
        match after {
            After::Ready => self.note(Kind::Yield, Thing::None, 0),
            After::At(at) => self.note(Kind::Sleep, Thing::None, at.saturating_sub(now)),
            After::Parked => self.note(Kind::Park, Thing::None, 0),
        }
        let made = self.actor.made;
        self.leave();
        let info = &mut self.beside.all[id.0];
        info.made = made;
        match after {
            After::Ready => self.beside.yielded.push(id),
            After::At(at) if at <= now => self.beside.ready_since(now, id),
            After::At(at) => self.beside.sleep_until(at, id),
            After::Parked => info.is_parked = true,
        }
        if after == After::Ready || matches!(after, After::At(at) if at <= now) {
            let key = self.beside.all[id.0].object.path_key();
            self.touch(key, Access::Ready);
        }
    }
}

impl Shell {
    /// Schedules a callback, as `call_soon_threadsafe` from beside the loop.
    pub(crate) fn call_from_beside(&self, what: &'static str, callback: Closure) {
        let mut core = self.core.borrow_mut();
        let call = core.kernel.call_soon(Action::Closure);
        core.name_call(call, what, Some(callback));
        core.note(Kind::Schedule, Thing::Call(call), 0);
    }

    /// What a job has said in its turn.
    pub(crate) fn hear(&self, said: Vec<Said>) {
        let mut core = self.core.borrow_mut();
        for said in said {
            match said {
                Said::Log(text) => core.note(Kind::Log, Thing::Text(&text), 0),
            }
        }
    }

    /// The job that is over has panicked. Gives what to set when somebody has looked at it.
    pub(crate) fn job_panicked(&self, message: Arc<str>) -> Rc<Cell<bool>> {
        self.core.borrow_mut().note(Kind::Panicked, Thing::Text(&message), 0);
        let seen = Rc::new(Cell::new(false));
        let panic = Panic { task: "a job".into(), message, seen: seen.clone() };
        self.panics.borrow_mut().push(panic);
        seen
    }

    /// The turns that come where the loop waits, and the moves of the clock to the next of them.
    ///
    /// Says whether the next turn is one beside the loop, too, though in no iteration: in a search
    /// it is chosen where a handle would be.
    #[cold]
    pub(super) fn turns_beside(&self) -> Result<bool, super::Stuck> {
        self.core.borrow_mut().beside.between = true;
        let had = self.turns_between();
        let mut core = self.core.borrow_mut();
        core.beside.between = false;
        had?;
        let kernel = &core.kernel;
        let is_due = kernel.next_deadline().is_some_and(|deadline| deadline <= kernel.now());
        let has_handle = kernel.ready_len() > 0 || is_due || kernel.is_stopping();
        Ok(core.beside.is_ready() && !has_handle)
    }

    fn turns_between(&self) -> Result<(), super::Stuck> {
        loop {
            let chosen = self.core.borrow_mut().choose_beside();
            match chosen {
                Some(id) => self.turn_beside(id)?,
                None if self.core.borrow().is_abandoned() => return Err(super::Stuck::Abandoned),
                None if !self.core.borrow_mut().waits_beside() => return Ok(()),
                None => {}
            }
        }
    }

    /// One turn of somebody beside the loop.
    pub(super) fn turn_beside(&self, id: BesideId) -> Result<(), super::Stuck> {
        let turn = self.core.borrow_mut().begin_turn(id);
        if let Some(watchdog) = &self.watchdog {
            watchdog.begin_turn(&self.core.borrow().beside.all[id.0].label);
        }
        let after = turn();
        if let Some(watchdog) = &self.watchdog {
            watchdog.end();
        }
        let mail = self.inbox.borrow().drain();
        self.deliver(mail);
        let mut core = self.core.borrow_mut();
        core.end_turn_beside(id, after);
        self.end_turn(core, None)
    }
}

/// As another thread that in so long calls `call_soon_threadsafe`: where the loop waits then,
/// before its due timers.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, Event, now, raw::call_from_outside, run};
/// run(async {
///     let rings = Event::new();
///     let bell = rings.clone();
///     call_from_outside(Duration::from_secs(5), move || bell.set());
///     rings.wait().await?;
///     assert_eq!(now().as_millis(), 5_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn call_from_outside(delay: Duration, callback: impl FnOnce() + 'static) {
    let shell = running();
    let callback: RefCell<Option<Closure>> = RefCell::new(Some(Box::new(callback)));
    let call = Rc::new(move || {
        let callback = callback.take().expect("it is called once");
        running().call_from_beside("threadsafe call", callback);
        After::Parked
    });
    let ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
    let mut core = shell.core.borrow_mut();
    let at = core.kernel.now().saturating_add(ns);
    let id = core.add_beside("outside", "outside".into(), call);
    core.ready_beside_at(id, at);
}
