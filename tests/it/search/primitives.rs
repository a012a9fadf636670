//! Primitives of the plainest kind, on the low-level API alone: what the counts of `known.rs` were
//! first taken with. Each names what it touches; a waiting task is woken by its own waker.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use seedloop::{Error, Handle, call_later, raw::Object, sched::Access};

/// Spawns a task that nobody holds.
pub(super) fn spawn(body: impl Future<Output = ()> + 'static) {
    drop(seedloop::spawn(body));
}

/// Lets others run.
pub(super) async fn yield_now() {
    let _: Result<(), Error> = seedloop::yield_now().await;
}

/// A task that can be waited for.
#[derive(Clone)]
pub(super) struct Join(Rc<Joined>);

struct Joined {
    object: Object,
    is_done: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

pub(super) fn spawn_joined(body: impl Future<Output = ()> + 'static) -> Join {
    let (object, is_done, waiting) = (Object::new("join"), Cell::new(false), RefCell::default());
    let joined = Rc::new(Joined { object, is_done, waiting });
    let done = joined.clone();
    spawn(async move {
        body.await;
        done.object.touch(Access::Write);
        done.is_done.set(true);
        done.waiting.take().into_iter().for_each(Waker::wake);
    });
    Join(joined)
}

impl Join {
    pub(super) async fn wait(self) {
        poll_fn(|context| match self.0.is_done.get() {
            true => {
                self.0.object.touch(Access::Read);
                Poll::Ready(())
            }
            false => {
                self.0.object.touch(Access::Write);
                self.0.waiting.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// A lock, handed to who waits longest.
#[derive(Clone)]
pub(super) struct Mutex(Rc<Locked>);

struct Locked {
    object: Object,
    state: RefCell<LockState>,
}

#[derive(Default)]
struct LockState {
    is_held: bool,
    queue: VecDeque<(u64, Waker)>,
    granted: Option<u64>,
    tickets: u64,
}

pub(super) struct Guard(Mutex);

pub(super) struct Acquire {
    mutex: Mutex,
    ticket: Option<u64>,
    is_over: bool,
}

impl Mutex {
    pub(super) fn new() -> Mutex {
        Mutex(Rc::new(Locked { object: Object::new("mutex"), state: RefCell::default() }))
    }

    pub(super) fn lock(&self) -> Acquire {
        Acquire { mutex: self.clone(), ticket: None, is_over: false }
    }

    fn unlock(&self) {
        self.0.object.touch(Access::Write);
        let next = {
            let mut state = self.0.state.borrow_mut();
            let next = state.queue.pop_front();
            state.is_held = next.is_some();
            state.granted = next.as_ref().map(|&(ticket, _)| ticket);
            next
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

impl Future for Acquire {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Guard> {
        let mutex = self.mutex.clone();
        mutex.0.object.touch(Access::Write);
        let mut state = mutex.0.state.borrow_mut();
        let is_mine = match self.ticket {
            None if !state.is_held => {
                state.is_held = true;
                true
            }
            None => {
                state.tickets += 1;
                let ticket = state.tickets;
                state.queue.push_back((ticket, context.waker().clone()));
                self.ticket = Some(ticket);
                false
            }
            Some(ticket) => state.granted.take_if(|granted| *granted == ticket).is_some(),
        };
        self.is_over = is_mine;
        if is_mine { Poll::Ready(Guard(mutex.clone())) } else { Poll::Pending }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.filter(|_| !self.is_over) else { return };
        self.mutex.0.object.touch(Access::Write);
        let was_granted = {
            let mut state = self.mutex.0.state.borrow_mut();
            state.queue.retain(|&(other, _)| other != ticket);
            state.granted.take_if(|granted| *granted == ticket).is_some()
        };
        if was_granted {
            self.mutex.unlock();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// A queue without a bound, for one receiver. Each slot is an object of its own.
#[derive(Clone)]
pub(super) struct Chan(Rc<Sent>);

struct Sent {
    object: Object,
    is_coarse: bool,
    state: RefCell<ChanState>,
}

#[derive(Default)]
struct ChanState {
    items: VecDeque<i64>,
    head: u64,
    tail: u64,
    receiver: Option<Waker>,
}

const TAIL: u64 = 0;
const HEAD: u64 = 1;
const SLOTS: u64 = 2;

impl Chan {
    pub(super) fn new() -> Chan {
        Chan::with(false)
    }

    /// One object for the whole queue.
    pub(super) fn coarse() -> Chan {
        Chan::with(true)
    }

    fn with(is_coarse: bool) -> Chan {
        Chan(Rc::new(Sent { object: Object::new("chan"), is_coarse, state: RefCell::default() }))
    }

    fn touch(&self, part: u64, access: Access) {
        match self.0.is_coarse {
            true => self.0.object.touch(Access::Write),
            false => self.0.object.part(part).touch(access),
        }
    }

    pub(super) fn send(&self, value: i64) {
        let receiver = {
            let mut state = self.0.state.borrow_mut();
            self.touch(TAIL, Access::Write);
            self.touch(SLOTS + state.tail, Access::Write);
            state.items.push_back(value);
            state.tail += 1;
            state.receiver.take()
        };
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    pub(super) fn recv(&self) -> Recv {
        Recv(self.clone())
    }
}

pub(super) struct Recv(Chan);

impl Future for Recv {
    type Output = i64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<i64> {
        let mut state = self.0.0.state.borrow_mut();
        self.0.touch(HEAD, Access::Write);
        let slot = SLOTS + state.head;
        match state.items.pop_front() {
            Some(item) => {
                self.0.touch(slot, Access::Read);
                state.head += 1;
                Poll::Ready(item)
            }
            None => {
                self.0.touch(slot, Access::Write);
                state.receiver = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A timer that wakes a task.
pub(super) struct Sleep {
    units: u64,
    armed: Option<(Handle, Rc<Fired>)>,
}

struct Fired {
    object: Object,
    has: Cell<bool>,
}

pub(super) fn sleep(units: u64) -> Sleep {
    Sleep { units, armed: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some((_, fired)) = &self.armed {
            fired.object.touch(Access::Read);
            return if fired.has.get() { Poll::Ready(()) } else { Poll::Pending };
        }
        let fired = Rc::new(Fired { object: Object::new("sleep"), has: Cell::new(false) });
        let (done, waker) = (fired.clone(), context.waker().clone());
        let handle = call_later(Duration::from_secs(self.units), move || {
            done.object.touch(Access::Write);
            done.has.set(true);
            waker.wake();
        });
        self.armed = Some((handle, fired));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((handle, fired)) = &self.armed
            && !fired.has.get()
        {
            handle.cancel();
        }
    }
}

/// Two futures, the first or the second in front: the second by a choice, if it is `random`.
pub(super) struct Either<A, B> {
    pub(super) first: A,
    pub(super) second: B,
    pub(super) random: bool,
}

impl<A: Future + Unpin, B: Future + Unpin> Future for Either<A, B> {
    type Output = Result<A::Output, B::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let second_first = self.random && seedloop::choose(2) == 1;
        for is_second in [second_first, !second_first] {
            let this = &mut *self;
            let polled = match is_second {
                true => Pin::new(&mut this.second).poll(context).map(Err),
                false => Pin::new(&mut this.first).poll(context).map(Ok),
            };
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }
}
