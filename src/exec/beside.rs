//! What runs beside the loop, and has turns of its own: the threads of an executor. A turn is a
//! step like that of a handle, with a name, a footprint and a place in the trace, but it belongs to
//! no iteration. In asyncio's order all that is ready beside the loop has its turns where CPython's
//! loop waits for its selector: before the due timers of an iteration join its ready handles. In
//! any other order a turn may come between any two handles, or later.

use std::{
    cell::RefCell, cmp::Reverse, collections::BTreeMap, panic::Location, rc::Rc, sync::Arc,
    time::Duration,
};

use super::{
    context::running,
    core::Core,
    job::Awaited,
    names::{Made, ObjectInfo},
    record::Thing,
    shell::{Closure, Shell},
    step_names::Owner,
};
use crate::{
    kernel::Handle,
    sched::{Access, ChoiceKind, StepId},
    trace::{Kind, mix_bytes},
};

/// Names somebody beside the loop, in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BesideId(usize);

/// What somebody beside the loop is to do after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It goes on, unless somebody else is chosen.
    Again,
    /// It is ready for another, after everybody else.
    Ready,
    /// It is, at this time in ns.
    At(u64),
    /// It waits until somebody makes it ready.
    Parked,
    /// The same, but not beyond this time.
    ParkedUntil(u64),
}

/// One turn.
pub(crate) type Turn = Rc<dyn Fn() -> After>;

/// So often somebody goes on before others in asyncio's order: CPython's threads take turns, too.
const AGAIN_MAX: u32 = 100;

/// Who has a turn before whom in asyncio's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Whoever goes on; of several who had a turn last.
    Again(Reverse<u64>),
    /// By a time in ns, and a number of its own.
    Since(u64, u64),
}

struct Info {
    object: ObjectInfo,
    label: Arc<str>,
    spawned_at: &'static Location<'static>,
    made: Made,
    turns: u32,
    /// How often in a row it has gone on.
    again: u32,
    turn: Turn,
    is_parked: bool,
    /// Where it is among those asleep, if it is parked for a time.
    until: Option<Place>,
    /// What its job waits for.
    awaited: Option<Arc<dyn Awaited>>,
}

/// Who is beside the loop.
#[derive(Default)]
pub(crate) struct Beside {
    all: Vec<Info>,
    /// By since when, and in which order they came to be.
    ready: BTreeMap<Place, BesideId>,
    /// Those that have let others go first: until the loop has had an iteration, if it has one.
    yielded: Vec<BesideId>,
    /// By until when.
    asleep: BTreeMap<Place, BesideId>,
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
        let since = Place::Since(now, self.count());
        self.ready.insert(since, id);
    }

    fn go_on(&mut self, id: BesideId) {
        let place = Place::Again(Reverse(self.count()));
        self.ready.insert(place, id);
    }

    fn sleep_until(&mut self, at: u64, id: BesideId) -> Place {
        let until = Place::Since(at, self.count());
        self.asleep.insert(until, id);
        until
    }

    /// When the first of those asleep wakes.
    fn wakes_at(&self) -> Option<u64> {
        match self.asleep.first_key_value()? {
            (&Place::Since(at, _), _) => Some(at),
            (Place::Again(_), _) => None,
        }
    }

    /// Whoever has slept for long enough is ready, in order of time.
    fn wake_due(&mut self, now: u64) {
        while self.wakes_at().is_some_and(|at| at <= now) {
            let (since, id) = self.asleep.pop_first().expect("just seen");
            let info = &mut self.all[id.0];
            (info.is_parked, info.until) = (false, None);
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
        name: Option<Arc<str>>,
        turn: Turn,
    ) -> BesideId {
        let object = self.new_object(what);
        let info = Info {
            label: name.unwrap_or_else(|| object.label()),
            object,
            spawned_at: Location::caller(),
            made: Made::default(),
            turns: 0,
            again: 0,
            turn,
            is_parked: true,
            until: None,
            awaited: None,
        };
        self.beside.all.push(info);
        BesideId(self.beside.all.len() - 1)
    }

    /// The path of somebody beside the loop: its key, and as text.
    pub(crate) fn path_beside(&self, id: BesideId) -> (u64, String) {
        let object = &self.beside.all[id.0].object;
        (object.path_key(), object.path().to_string())
    }

    /// The job that it runs has been submitted there.
    pub(crate) fn runs_job_from(&mut self, id: BesideId, place: &'static Location<'static>) {
        self.beside.all[id.0].spawned_at = place;
    }

    /// It is about to wait for this.
    pub(super) fn waits_beside_for(&mut self, id: BesideId, awaited: Arc<dyn Awaited>) {
        self.beside.all[id.0].awaited = Some(awaited);
    }

    /// Who beside the loop waits for what others share: its name, where its job comes from, and
    /// what it waits for.
    pub(super) fn waiting_beside(
        &self,
    ) -> impl Iterator<Item = (BesideId, Arc<str>, &'static Location<'static>, &Arc<dyn Awaited>)>
    {
        self.beside.all.iter().enumerate().filter_map(|(at, info)| {
            let awaited = info.awaited.as_ref().filter(|_| info.is_parked)?;
            Some((BesideId(at), info.label.clone(), info.spawned_at, awaited))
        })
    }

    pub(crate) fn label_beside(&self, id: BesideId) -> Option<Arc<str>> {
        self.beside.all.get(id.0).map(|info| info.label.clone())
    }

    /// Makes somebody beside the loop ready, who is parked.
    pub(crate) fn ready_beside(&mut self, id: BesideId) {
        let Some(info) = self.beside.all.get_mut(id.0) else { return };
        if !std::mem::replace(&mut info.is_parked, false) {
            return;
        }
        if let Some(until) = info.until.take() {
            self.beside.asleep.remove(&until);
        }
        let info = &self.beside.all[id.0];
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
        let Some(at) = self.beside.wakes_at() else { return false };
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
        info.awaited = None;
        let (path, made, turn) = (info.object.path(), info.made, info.turn.clone());
        let label = self.recorder.trace.is_some().then(|| info.label.clone());
        self.enter_as(path, made, label);
        self.note(Kind::Turn, Thing::None, 0);
        turn
    }

    fn end_turn_beside(&mut self, id: BesideId, after: After) {
        let now = self.kernel.now();
        let again = self.beside.all[id.0].again;
        let after = match after {
            After::Again if again == AGAIN_MAX => After::Ready,
            after => after,
        };
        match after {
            After::Again => {}
            After::Ready => self.note(Kind::Yield, Thing::None, 0),
            After::At(at) => self.note(Kind::Sleep, Thing::None, at.saturating_sub(now)),
            After::Parked | After::ParkedUntil(_) => self.note_park(id),
        }
        let made = self.actor.made;
        self.leave();
        let info = &mut self.beside.all[id.0];
        info.made = made;
        info.again = if after == After::Again { again + 1 } else { 0 };
        info.is_parked = matches!(after, After::Parked | After::ParkedUntil(_));
        let is_ready = match after {
            After::Again => {
                self.beside.go_on(id);
                true
            }
            After::Ready => {
                self.beside.yielded.push(id);
                true
            }
            After::At(at) if at <= now => {
                self.beside.ready_since(now, id);
                true
            }
            After::At(at) => {
                self.beside.sleep_until(at, id);
                false
            }
            After::Parked => false,
            After::ParkedUntil(at) => {
                let until = self.beside.sleep_until(at, id);
                self.beside.all[id.0].until = Some(until);
                false
            }
        };
        if is_ready {
            let key = self.beside.all[id.0].object.path_key();
            self.touch(key, Access::Ready);
        }
    }

    fn note_park(&mut self, id: BesideId) {
        match self.beside.all[id.0].awaited.clone() {
            Some(awaited) => {
                let (verb, label) = ("waits for", awaited.label());
                let key = mix_bytes(0, label.as_bytes());
                self.note(Kind::Park, Thing::Deed { verb, label: &label, key }, 0);
            }
            None => self.note(Kind::Park, Thing::None, 0),
        }
    }
}

impl Shell {
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
    let id = core.add_beside("outside", Some("outside".into()), call);
    core.ready_beside_at(id, at);
}
