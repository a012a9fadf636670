//! How a cancellation goes down: from a task to what it awaits, from a gathering to its children.
//! `Task.cancel` and `_GatheringFuture.cancel` of tasks.py, without recursion: a chain of awaits
//! may be as long as memory.

use std::vec::IntoIter;

use super::{FutureId, Kernel, Message, OnCancel, State, TaskId, Touched};

/// One level of the way down.
enum Frame {
    /// A suspended task: each of its awaits is cancelled.
    Task { task: TaskId, awaits: IntoIter<Option<FutureId>>, refused: bool },
    /// A gathering: each of its children is cancelled.
    Children { future: FutureId, children: IntoIter<FutureId>, any: bool },
}

impl Kernel {
    /// `Future.cancel(msg)`: false if the future is done, or if no child of it took the cancel.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel, State};
    /// let mut kernel = Kernel::default();
    /// let future = kernel.future_new(OnCancel::Itself);
    /// assert!(kernel.cancel(future, &Some("bored".into())));
    /// assert!(!kernel.cancel(future, &None)); // it is done
    /// assert_eq!(kernel.own_message(future).as_deref(), Some("bored"));
    /// ```
    pub fn cancel(&mut self, future: FutureId, message: &Message) -> bool {
        let mut stack = Vec::new();
        let answer = self.reach_future(future, message, &mut stack);
        self.descend(stack, answer, message)
    }

    /// `Task.cancel(msg)`: the innermost futures that the task waits for are cancelled; where
    /// that is refused, the task is told at its next step. False if it has ended.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Answer, Exit, Kernel, OnCancel, State};
    /// let mut kernel = Kernel::default();
    /// let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.poll_await(task, Some(future), &mut None);
    /// kernel.end_step(task, Exit::Pending);
    /// assert!(kernel.cancel_task(task, &None));
    /// assert_eq!(kernel.state(future), State::Cancelled); // the innermost wait
    /// assert_eq!((kernel.cancelling(task), kernel.ready_len()), (1, 1));
    /// ```
    pub fn cancel_task(&mut self, task: TaskId, message: &Message) -> bool {
        let mut stack = Vec::new();
        let answer = self.reach_task(task, message, &mut stack);
        self.descend(stack, answer, message)
    }

    /// Cancels everything that the suspended task waits for. What refuses (it is done, or it is
    /// `sleep(0)`, or a gathering whose children are all done, or there is nothing) is told at
    /// the next step.
    pub(super) fn tell(&mut self, task: TaskId, message: &Message) {
        let mut stack = Vec::new();
        self.begin_tell(task, &mut stack);
        self.descend(stack, None, message);
    }

    /// Works the stack off. `answer` is what the level below the top has said.
    fn descend(
        &mut self,
        mut stack: Vec<Frame>,
        mut answer: Option<bool>,
        message: &Message,
    ) -> bool {
        while let Some(frame) = stack.last_mut() {
            let next = match frame {
                Frame::Task { awaits, refused, .. } => {
                    *refused |= answer.take() == Some(false);
                    awaits.next()
                }
                Frame::Children { children, any, .. } => {
                    *any |= answer.take() == Some(true);
                    children.next().map(Some)
                }
            };
            answer = match next {
                Some(Some(future)) => self.reach_future(future, message, &mut stack),
                // Nothing but the next step: it cannot take a cancel.
                Some(None) => Some(false),
                None => match stack.pop().expect("just looked at") {
                    Frame::Task { task, refused, .. } => {
                        Some(self.end_tell(task, refused, message))
                    }
                    Frame::Children { future, any, .. } => Some(self.end_children(future, any)),
                },
            };
        }
        answer.expect("every level answers")
    }

    /// Answers at once, or pushes what has to be asked first.
    fn reach_future(
        &mut self,
        future: FutureId,
        message: &Message,
        stack: &mut Vec<Frame>,
    ) -> Option<bool> {
        let entry = self.futures.get(future.0).filter(|entry| entry.state == State::Pending);
        match entry.map(|entry| entry.on_cancel.clone()) {
            None => {
                self.touch(Touched::Read(future));
                Some(false)
            }
            Some(OnCancel::Itself) => {
                Some(self.settle(future, State::Cancelled, message.clone(), false))
            }
            Some(OnCancel::Task(task)) => self.reach_task(task, message, stack),
            Some(OnCancel::Children(children)) => {
                self.touch(Touched::Wrote(future));
                stack.push(Frame::Children { future, children: children.into_iter(), any: false });
                None
            }
        }
    }

    fn reach_task(
        &mut self,
        task: TaskId,
        message: &Message,
        stack: &mut Vec<Frame>,
    ) -> Option<bool> {
        self.touch(Touched::Asked(task));
        let entry = self.tasks.get_mut(task.0).filter(|task| !task.ended && !task.telling);
        let Some(entry) = entry else { return Some(false) };
        entry.cancels += 1;
        if entry.running {
            entry.must_cancel = Some(message.clone());
            return Some(true);
        }
        self.begin_tell(task, stack);
        None
    }

    fn begin_tell(&mut self, task: TaskId, stack: &mut Vec<Frame>) {
        let entry = self.tasks.get_mut(task.0).expect("a live task exists");
        entry.telling = true;
        let awaits: Vec<_> = entry.awaits.iter().map(|wait| wait.on).collect();
        let refused = awaits.is_empty();
        stack.push(Frame::Task { task, awaits: awaits.into_iter(), refused });
    }

    fn end_tell(&mut self, task: TaskId, refused: bool, message: &Message) -> bool {
        let parked = refused && self.awaits_closing(task);
        if refused && self.is_watched {
            let awaits: Vec<_> = self.awaits(task).collect();
            awaits.into_iter().for_each(|future| self.touch_closing(future));
        }
        let entry = self.tasks.get_mut(task.0).expect("a live task exists");
        entry.telling = false;
        if refused {
            entry.must_cancel = Some(message.clone());
            if !parked {
                self.wake(task);
            }
        }
        true
    }

    /// A gathering that has passed a cancel on ends as cancelled in any case.
    fn end_children(&mut self, future: FutureId, any: bool) -> bool {
        if any && let Some(entry) = self.futures.get_mut(future.0) {
            entry.cancel_requested = true;
        }
        any
    }
}
