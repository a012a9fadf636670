//! What the shell knows of each task, future and callback beside the kernel: names, places in the
//! source, wakers, contexts. Side tables by slot; a freed slot is reused.

use std::{
    any::Any,
    cell::Cell,
    collections::BTreeMap,
    panic::Location,
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
};

use super::{
    scopes::ScopeId,
    shell::{Body, Closure},
    stuck::Waiting,
    waker::TaskWaker,
};
use crate::{
    kernel::FutureId,
    trace::{Mark, Parent, Path, mix, mix_bytes},
};

/// Where a task's error goes that the task itself cannot return: it panicked.
pub(crate) trait Outlet {
    /// Keeps the error, and sets `seen` when somebody looks at it.
    fn panicked(&self, message: Arc<str>, seen: Rc<Cell<bool>>);

    /// The text of the error that the task failed with. Counts as retrieved.
    fn look_at_error(&self) -> Option<String>;
}

/// One task.
pub(crate) struct TaskInfo {
    /// Its future, while it does not run.
    pub(crate) body: Option<Body>,
    pub(crate) path: Path,
    /// The path as a parent, once it is one. That of the root is always there.
    pub(crate) parent: Parent,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The tasks and the objects it has made.
    pub(crate) made: Made,
    /// The waker of its last poll, while it does not run.
    pub(crate) waker: Option<Arc<TaskWaker>>,
    /// How often it was polled.
    pub(crate) polls: u32,
    /// The clones of its waker that others keep.
    pub(crate) kept: Kept,
    /// Only wakers of this generation wake: rises by one each poll if wakers are fresh.
    pub(crate) waker_generation: u32,
    /// Its awaits in cancellation scopes, once there are any.
    pub(crate) scoping: Option<Box<Scoping>>,
    pub(crate) outlet: Option<Weak<dyn Outlet>>,
    pub(crate) context: Context,
    /// Cancellations may be injected.
    pub(crate) offered: bool,
    /// No handle is left: forget it when it ends.
    pub(crate) detached: bool,
}

/// The clones of a task's waker, counted at the end of each poll that waits for what the loop
/// cannot see.
#[derive(Clone, Copy, Default)]
pub(crate) struct Kept {
    clones: u32,
    /// The poll in which there came to be more of them: 1 is the task's first.
    pub(crate) poll: u32,
    /// When that was.
    pub(crate) at_ns: u64,
}

impl Kept {
    pub(crate) fn count(&mut self, clones: usize, poll: u32, now_ns: u64) {
        let clones = u32::try_from(clones).unwrap_or(u32::MAX);
        if clones > self.clones {
            (self.poll, self.at_ns) = (poll, now_ns);
        }
        self.clones = clones;
    }

    /// The task has another waker.
    pub(crate) fn recount(&mut self) {
        self.clones = 0;
    }
}

impl TaskInfo {
    pub(crate) fn scoping(&mut self) -> &mut Scoping {
        self.scoping.get_or_insert_default()
    }

    /// How the task is called: by its name, else by its path.
    pub(crate) fn label(&self) -> Arc<str> {
        match &self.name {
            Some(name) => name.clone(),
            None if self.path.is_root() => "main".into(),
            None => self.path.to_string().into(),
        }
    }
}

/// A task's part in cancellation scopes.
#[derive(Default)]
pub(crate) struct Scoping {
    /// Its awaits that stand in one.
    pub(crate) scoped: Vec<Scoped>,
    /// The scopes that were cancelled by their own timeouts, and are not over.
    pub(crate) expired: Vec<ScopeId>,
}

/// An await in a cancellation scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scoped {
    pub(crate) on: Option<FutureId>,
    pub(crate) since: u32,
    pub(crate) scope: ScopeId,
    /// The scope was cancelled, and what is awaited refused it: the await is told at its next
    /// poll.
    pub(crate) told: bool,
}

/// One future, callback or timer: what it is, and who made it.
#[derive(Debug)]
pub(crate) struct ObjectInfo {
    /// What it is: "sleep", "Lock::acquire".
    pub(crate) what: &'static str,
    pub(crate) maker: Parent,
    /// As which of its maker's objects.
    pub(crate) ordinal: u32,
    /// Stands for it in digests.
    pub(crate) key: u64,
}

/// One future.
pub(crate) struct FutureInfo {
    pub(crate) object: ObjectInfo,
    /// Who holds what it waits for, as far as is known.
    pub(crate) holder: Option<Holder>,
    /// Wakers of futures between a task and its await of this one (`FuturesUnordered`, `Shared`),
    /// once there are any.
    #[allow(clippy::box_collection)]
    pub(crate) wakers: Option<Box<Vec<Waker>>>,
}

/// One callback or timer.
pub(crate) struct CallInfo {
    pub(crate) object: ObjectInfo,
    pub(crate) context: Context,
    /// What it does, unless the kernel does it alone.
    pub(crate) closure: Option<Closure>,
}

/// Who holds an object that others wait for: the object keeps it up to date.
pub(crate) type Holder = Rc<Cell<Option<Waiting>>>;

impl ObjectInfo {
    pub(crate) fn new(what: &'static str, maker: Parent, ordinal: u32) -> ObjectInfo {
        let key = mix(mix_bytes(maker.key(), what.as_bytes()), u64::from(ordinal));
        ObjectInfo { what, maker, ordinal, key }
    }

    pub(crate) fn path(&self) -> Path {
        self.maker.child(Mark::Call, self.ordinal)
    }

    /// What stands for its path, as for a task's.
    pub(crate) fn path_key(&self) -> u64 {
        Path::key_of_child(self.maker.key(), Mark::Call, self.ordinal)
    }

    pub(crate) fn label(&self) -> Arc<str> {
        format!("{} {}", self.what, self.path()).into()
    }
}

/// How many tasks and objects an actor has made: gives the next one its ordinal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    pub(crate) tasks: u32,
    pub(crate) objects: u32,
    /// Of shared state, whose names stand in no trace.
    pub(crate) shared: u32,
}

/// Values by slot.
pub(crate) struct Table<T>(Vec<Option<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T> Table<T> {
    pub(crate) fn put(&mut self, index: usize, value: T) {
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(value);
    }

    #[inline]
    pub(crate) fn take(&mut self, index: usize) -> Option<T> {
        self.0.get_mut(index)?.take()
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub(crate) fn slots(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Takes everything out, and keeps the memory.
    #[must_use]
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.0.drain(..).flatten().collect()
    }
}

/// The values of context variables. A copy shares them until either side sets one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context(Option<Rc<Vec<Binding>>>);

/// A variable's value.
#[derive(Clone, Debug)]
struct Binding {
    variable: u64,
    value: Rc<dyn Any>,
    copy: Option<CopyOut>,
}

/// Copies a value for another thread.
pub(crate) type CopyOut = fn(&dyn Any) -> Box<dyn Any + Send>;

/// The values that have travelled to another thread, by variable.
pub(crate) type Travelled = BTreeMap<u64, Box<dyn Any + Send>>;

impl Context {
    pub(crate) fn get(&self, variable: u64) -> Option<Rc<dyn Any>> {
        let mut values = self.0.as_ref()?.iter();
        values.find(|binding| binding.variable == variable).map(|binding| binding.value.clone())
    }

    /// Gives the value that was there, for the caller to drop.
    pub(crate) fn set(
        &mut self,
        variable: u64,
        value: Rc<dyn Any>,
        copy: Option<CopyOut>,
    ) -> Option<Rc<dyn Any>> {
        let values = Rc::make_mut(self.0.get_or_insert_default());
        match values.iter_mut().find(|binding| binding.variable == variable) {
            Some(binding) => {
                binding.copy = copy;
                Some(std::mem::replace(&mut binding.value, value))
            }
            None => {
                values.push(Binding { variable, value, copy });
                None
            }
        }
    }

    /// Copies of those values that may go to another thread.
    pub(crate) fn travelled(&self) -> Travelled {
        let values = self.0.iter().flat_map(|values| values.iter());
        let copied = values.filter_map(|Binding { variable, value, copy }| {
            Some((*variable, copy.as_ref()?(&**value)))
        });
        copied.collect()
    }
}
