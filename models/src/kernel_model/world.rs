//! The driver: acts on the kernel as the shell does, and on the reference beside it.

use std::collections::BTreeMap;

use super::{
    program::{Op, Program},
    reference::{Item, Name, Reference, TaskName},
    wrong::Wrong,
};
use crate::{
    explore::{Broken, expect},
    kernel::{
        Action, Answer, CallId, End, Entry, Exit, FutureId, Handle, Kernel, State, TaskId, Turn,
    },
};

/// What a body's state is, besides its awaits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    at: usize,
    /// An operation has begun and waits.
    waits: bool,
    catches: bool,
    /// A part of it has failed.
    failed: bool,
}

/// Which id of the kernel is which name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) tasks: BTreeMap<TaskName, TaskId>,
    pub(crate) futures: BTreeMap<Name, FutureId>,
    pub(crate) calls: BTreeMap<CallId, Item>,
    /// The awaits of each task, with what the last poll returned.
    since: BTreeMap<TaskName, Vec<(Option<Name>, u32)>>,
}

impl Ids {
    pub(crate) fn item(&self, handle: Handle) -> Item {
        match handle {
            Handle::Step(id) => {
                let named = self.tasks.iter().find(|&(_, &other)| other == id);
                Item::Step(*named.expect("every task has a name").0)
            }
            Handle::Call(call) => self.calls.get(&call).copied().unwrap_or(Item::Nothing),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) reference: Reference,
    pub(crate) seats: Vec<Seat>,
    pub(crate) ids: Ids,
    pub(crate) cancels: u8,
    pub(crate) slips: u8,
    pub(crate) program: Program,
    pub(crate) wrong: Option<Wrong>,
}

impl World {
    pub(crate) fn new(program: Program, wrong: Option<Wrong>) -> World {
        let mut world = World {
            kernel: Kernel::default(),
            reference: Reference::default(),
            seats: vec![Seat::default(); program.bodies.len()],
            ids: Ids::default(),
            cancels: program.cancels,
            slips: program.slips,
            program,
            wrong,
        };
        for future in 0..program.futures {
            world.new_future(Name::Plain(future), Vec::new());
        }
        world.spawn(0);
        world
    }

    pub(crate) fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    // --- the loop

    pub(crate) fn begin_iteration(&mut self) -> Broken {
        let before = self.kernel.now();
        let turn = self.kernel.begin_iteration();
        let moved = self.reference.begin_iteration();
        let expected = match moved {
            None => Turn::Idle,
            Some(0) => Turn::Ready,
            Some(_) => Turn::Advanced,
        };
        expect(turn == expected, "an iteration begins as asyncio's")?;
        let passed = self.kernel.now() - before;
        expect(passed == moved.unwrap_or(0) as u64, "the clock moves to the least deadline")?;
        if turn == Turn::Idle { self.check_idle() } else { Ok(()) }
    }

    /// Nothing can go on: no live task is owed anything.
    fn check_idle(&self) -> Broken {
        for task in self.kernel.live_tasks() {
            let pending = self.kernel.awaits(task).any(|future| !self.kernel.is_done(future));
            expect(pending, "a task is forgotten")?;
            expect(!self.kernel.must_cancel(task), "a cancellation is never told")?;
        }
        Ok(())
    }

    pub(crate) fn slip(&mut self) {
        self.slips -= 1;
        if let Some(least) = self.reference.timers.iter().map(|&(left, _)| left).min()
            && least > 0
        {
            self.reference.pass(least);
            self.reference.collect_due();
        }
        self.kernel.slip();
    }

    pub(crate) fn run(&mut self, index: usize) -> Broken {
        let item = self.reference.take(index);
        match (self.kernel.take(index), item) {
            (Handle::Step(_), Item::Step(task)) => self.step(task),
            (Handle::Call(call), _) => self.call(call, item),
            _ => Err("another handle is ready".into()),
        }
    }

    fn call(&mut self, call: CallId, item: Item) -> Broken {
        let action = self.kernel_begin_call(call);
        self.ids.calls.remove(&call);
        let resolves = match item {
            Item::Timer(task) => Some(Name::Sleep(task)),
            Item::Soon(future) => Some(Name::Plain(future)),
            _ => None,
        };
        let expected = match item {
            Item::Child { .. } => Some(Action::Closure),
            _ => resolves.map(|name| Action::Resolve(self.ids.futures[&name])),
        };
        if let Some(name) = resolves {
            self.reference.settle(name, State::Finished);
        }
        expect(action == expected, "a callback does what it is for")?;
        if let Item::Child { of, child } = item {
            self.child_done(of, child);
        }
        Ok(())
    }

    // --- a task's step

    fn step(&mut self, task: TaskName) -> Broken {
        let entry = self.kernel.begin_step(self.ids.tasks[&task]);
        expect(entry == self.reference.begin_step(task), "a step begins as asyncio's")?;
        let end = match entry {
            Entry::Ended => return Ok(()),
            Entry::Drop(_) => {
                self.drop_body(task);
                Some(State::Cancelled)
            }
            Entry::Poll => self.poll(task)?,
        };
        let exit = match end {
            None => Exit::Pending,
            Some(State::Finished) => Exit::Ended(End::Finished),
            Some(_) => Exit::Ended(End::Cancelled(None)),
        };
        self.kernel_end_step(task, exit);
        self.reference.end_step(task, end);
        Ok(())
    }

    /// Runs the body until it waits or ends: says how.
    fn poll(&mut self, task: TaskName) -> Result<Option<State>, String> {
        let body = self.program.bodies[usize::from(task)];
        loop {
            let Some(&op) = body.get(self.seat(task).at) else {
                return Ok(Some(State::Finished));
            };
            match self.seat(task).waits {
                true => self.poll_again(task, op)?,
                false => self.begin(task, op)?,
            }
            if self.is_waiting(task) {
                return Ok(None);
            }
            self.end_sleep(task);
            let seat = self.seat(task);
            let (failed, catches) = (seat.failed, seat.catches);
            (seat.at, seat.waits, seat.failed) = (seat.at + 1, false, false);
            seat.catches = op == Op::Catch;
            if failed && !catches {
                return Ok(Some(State::Cancelled));
            }
        }
    }

    /// Begins an operation.
    fn begin(&mut self, task: TaskName, op: Op) -> Broken {
        let ons = match op {
            Op::Yield => vec![None],
            Op::Sleep(ns) => vec![Some(self.begin_sleep(task, ns))],
            Op::Wait(future) | Op::Ignore(future) | Op::Twice(future) => {
                vec![Some(Name::Plain(future))]
            }
            Op::Race(future) => vec![None, Some(Name::Plain(future))],
            Op::Both(one, two) => vec![Some(Name::Plain(one)), Some(Name::Plain(two))],
            Op::Join(other) => vec![Some(Name::Task(other))],
            Op::Gather(children) => vec![Some(self.gather_tasks(task, children))],
            Op::Nest(children) => {
                let inner = self.gather_tasks(task, children);
                vec![Some(self.gather(Name::Nest(task), vec![inner]))]
            }
            _ => return self.act(task, op),
        };
        self.seat(task).waits = true;
        for on in ons {
            let expected = self.reference.begin_await(task, on);
            let mut since = None;
            let answer = self.kernel_poll_await(task, on, &mut since);
            expect(answer == expected, "an await begins as asyncio's")?;
            if let (Op::Twice(_), Answer::Pending) = (op, &answer) {
                let again = self.kernel_poll_await(task, on, &mut since);
                expect(again == Answer::Pending, "a second look finds what the first has found")?;
            }
            match since {
                Some(since) => self.ids.since.entry(task).or_default().push((on, since)),
                None => self.answered(task, op, on, &answer),
            }
        }
        Ok(())
    }

    /// What does not wait.
    fn act(&mut self, task: TaskName, op: Op) -> Broken {
        match op {
            Op::Spawn(other) => self.spawn(other),
            Op::Cancel(other) => self.cancel(other)?,
            Op::Resolve(future) => {
                self.kernel_resolve(Name::Plain(future), State::Finished);
                self.reference.settle(Name::Plain(future), State::Finished);
            }
            Op::Uncancel(other) => {
                self.kernel_uncancel(other);
                self.reference.uncancel(other);
            }
            Op::Abort(other) => {
                self.kernel_abort(other);
                self.reference.abort(other);
            }
            Op::Wake(other) => {
                self.kernel.wake(self.ids.tasks[&other]);
                self.reference.wake(other);
            }
            Op::Soon(future) => {
                let action = Action::Resolve(self.ids.futures[&Name::Plain(future)]);
                let call = self.kernel.call_soon(action);
                self.ids.calls.insert(call, Item::Soon(future));
                self.reference.ready.push(Item::Soon(future));
            }
            Op::CancelSoon(future) => self.cancel_call(Item::Soon(future)),
            Op::Busy(ns) => {
                self.kernel.busy(ns);
                self.reference.pass(ns as i64);
            }
            Op::Catch => {}
            _ => unreachable!("{task} waits for {op:?}"),
        }
        Ok(())
    }

    /// Polls the awaits of an operation in a later step.
    fn poll_again(&mut self, task: TaskName, op: Op) -> Broken {
        if let Op::Ignore(_) = op {
            self.end_awaits(task);
        }
        for (on, since) in self.ids.since[&task].clone() {
            if !self.is_waiting(task) {
                break;
            }
            let expected = self.reference.poll_again(task, on);
            let mut polled = Some(since);
            let answer = self.kernel_poll_await(task, on, &mut polled);
            expect(answer == expected, "an await is answered as asyncio's")?;
            if answer != Answer::Pending {
                self.end_await(task, on, since);
                self.answered(task, op, on, &answer);
            }
        }
        Ok(())
    }

    fn is_waiting(&self, task: TaskName) -> bool {
        self.ids.since.get(&task).is_some_and(|awaits| !awaits.is_empty())
    }

    /// An await of an operation is over: so is a race.
    fn answered(&mut self, task: TaskName, op: Op, on: Option<Name>, answer: &Answer) {
        let finished = on.is_none_or(|name| self.reference.state(name) == State::Finished);
        self.seat(task).failed |= *answer != Answer::Done || !finished;
        if let Op::Race(_) = op {
            self.end_awaits(task);
        }
    }

    fn end_await(&mut self, task: TaskName, on: Option<Name>, since: u32) {
        self.kernel_end_await(task, on, since);
        self.reference.end_await(task, on);
        self.ids.since.get_mut(&task).expect("it waits").retain(|&other| other != (on, since));
    }

    fn end_awaits(&mut self, task: TaskName) {
        for (on, since) in self.ids.since.get(&task).cloned().unwrap_or_default() {
            self.end_await(task, on, since);
        }
    }

    fn drop_body(&mut self, task: TaskName) {
        self.end_awaits(task);
        self.end_sleep(task);
        self.seat(task).at = self.program.bodies[usize::from(task)].len();
    }

    pub(crate) fn seat(&mut self, task: TaskName) -> &mut Seat {
        &mut self.seats[usize::from(task)]
    }
}
