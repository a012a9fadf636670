//! Channels between jobs: [`std::sync::mpsc`], `queue.Queue`.

use std::{
    collections::VecDeque,
    fmt,
    sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError},
    time::Duration,
};

use super::{
    deadline::Deadline,
    shared::{Held, Shared, Then},
};
use crate::{exec::raw::job_point, sched::Access};

/// A channel without a bound: [`std::sync::mpsc::channel`].
///
/// # Examples
/// ```
/// use seedloop::{Error, run, thread::mpsc, to_thread};
/// run(async {
///     let (sender, receiver) = mpsc::channel();
///     to_thread(move || sender.send(5).unwrap()).await?;
///     assert_eq!(receiver.recv(), Ok(5));
///     assert!(receiver.recv().is_err()); // nobody can send any more
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub fn channel<T: Send + 'static>() -> (Sender<T>, Receiver<T>) {
    let shared = Shared::new("channel", Channel::new(None));
    (Sender(shared.clone()), Receiver(shared))
}

/// A channel whose senders wait while so many messages are in it:
/// [`std::sync::mpsc::sync_channel`]. With 0 a sender waits until its message is received.
///
/// # Examples
/// ```
/// use seedloop::{Error, gather, run, thread::mpsc, to_thread};
/// run(async {
///     let (sender, receiver) = mpsc::sync_channel(1);
///     let sends = to_thread(move || (0..5).try_for_each(|n| sender.send(n)).is_ok());
///     let receives = to_thread(move || receiver.iter().sum::<i32>());
///     assert_eq!(gather((sends, receives)).await?, (true, 10));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub fn sync_channel<T: Send + 'static>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let shared = Shared::new("channel", Channel::new(Some(bound)));
    (SyncSender(shared.clone()), Receiver(shared))
}

struct Channel<T> {
    /// With which message it is.
    queue: VecDeque<(u64, T)>,
    bound: Option<usize>,
    senders: usize,
    has_receiver: bool,
    sent: u64,
    /// Those who wait for a message, of a channel without room.
    receiving: usize,
}

impl<T: Send> Held for Channel<T> {}

impl<T> Channel<T> {
    fn new(bound: Option<usize>) -> Channel<T> {
        Channel {
            queue: VecDeque::new(),
            bound,
            senders: 1,
            has_receiver: true,
            sent: 0,
            receiving: 0,
        }
    }

    fn push(&mut self, message: T) -> u64 {
        self.sent += 1;
        self.queue.push_back((self.sent, message));
        self.sent
    }

    fn has_room(&self) -> bool {
        let room = |bound: usize| match bound {
            0 => self.receiving,
            bound => bound,
        };
        self.bound.is_none_or(|bound| self.queue.len() < room(bound))
    }

    fn pop(&mut self) -> Result<T, TryRecvError> {
        match self.queue.pop_front() {
            Some((_, message)) => Ok(message),
            None if self.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }
}

/// A sender leaves the channel: a schedule point of a job.
fn leave<T: Send + 'static>(shared: &Shared<Channel<T>>) {
    job_point();
    shared.change("leaves", |channel| channel.senders -= 1);
}

fn enter<T: Send + 'static>(shared: &Shared<Channel<T>>) -> Shared<Channel<T>> {
    shared.now("clones", Access::Write, |channel| channel.senders += 1);
    shared.clone()
}

/// Sends, and never waits. Clones send into the same channel.
///
/// # Examples
/// ```
/// use seedloop::thread::mpsc::{Sender, channel};
/// let (sender, receiver) = channel();
/// let other: Sender<i32> = sender.clone();
/// other.send(5).unwrap();
/// drop(receiver);
/// assert!(sender.send(6).is_err());
/// ```
pub struct Sender<T: Send + 'static>(Shared<Channel<T>>);

impl<T: Send + 'static> Sender<T> {
    /// As `put()`. A schedule point of a job.
    ///
    /// # Errors
    /// Nobody can receive it: it is in the error.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        job_point();
        self.0.change("sends into", |channel| match channel.has_receiver {
            true => {
                channel.push(message);
                Ok(())
            }
            false => Err(SendError(message)),
        })
    }
}

/// Sends, and waits while there is no room. Clones send into the same channel.
///
/// # Examples
/// ```
/// use seedloop::thread::mpsc::{SyncSender, sync_channel};
/// let (sender, receiver) = sync_channel(1);
/// let other: SyncSender<i32> = sender.clone();
/// other.send(5).unwrap();
/// assert!(sender.try_send(6).is_err());
/// assert_eq!(receiver.recv(), Ok(5));
/// ```
pub struct SyncSender<T: Send + 'static>(Shared<Channel<T>>);

impl<T: Send + 'static> SyncSender<T> {
    /// As `put()`: waits for room. A schedule point of a job.
    ///
    /// # Errors
    /// Nobody can receive it: it is in the error.
    ///
    /// # Panics
    /// In a coroutine or a callback, if there is no room.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        job_point();
        let mut message = Some(message);
        let is_rendezvous = self.0.unseen(Access::Read, |channel| channel.bound == Some(0));
        let sent = self.0.wait("sends into", Then::Wakes, None, |channel| {
            let message = &mut message;
            let mut take = || message.take().expect("it is sent once");
            match channel.has_receiver {
                false => Some(Err(SendError(take()))),
                true if is_rendezvous || channel.has_room() => Some(Ok(channel.push(take()))),
                true => None,
            }
        });
        let number = sent.expect("nothing ends it")?;
        if is_rendezvous {
            let handed = self.0.wait("hands over by", Then::Wakes, None, |channel| {
                let at = channel.queue.iter().position(|(other, _)| *other == number);
                match at {
                    None => Some(Ok(())),
                    Some(_) if channel.has_receiver => None,
                    Some(at) => channel.queue.remove(at).map(|(_, left)| Err(SendError(left))),
                }
            });
            return handed.expect("nothing ends it");
        }
        Ok(())
    }

    /// As `put_nowait()`. A schedule point of a job.
    ///
    /// # Errors
    /// There is no room, or nobody can receive it: it is in the error.
    ///
    /// # Examples
    /// ```
    /// let (sender, _receiver) = seedloop::thread::mpsc::sync_channel(1);
    /// assert!(sender.try_send(5).is_ok() && sender.try_send(6).is_err());
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        job_point();
        self.0.change("tries to send into", |channel| match channel.has_receiver {
            false => Err(TrySendError::Disconnected(message)),
            true if channel.has_room() => {
                channel.push(message);
                Ok(())
            }
            true => Err(TrySendError::Full(message)),
        })
    }
}

/// Receives. There is one.
///
/// # Examples
/// ```
/// use seedloop::thread::mpsc::{Receiver, channel};
/// let (sender, receiver) = channel();
/// let receiver: Receiver<i32> = receiver;
/// sender.send(5).unwrap();
/// drop(sender);
/// assert_eq!(receiver.iter().collect::<Vec<_>>(), [5]);
/// ```
pub struct Receiver<T: Send + 'static>(Shared<Channel<T>>);

impl<T: Send + 'static> Receiver<T> {
    /// As `get()`: waits for a message. A schedule point of a job.
    ///
    /// # Errors
    /// There is none, and nobody can send one.
    ///
    /// # Panics
    /// In a coroutine or a callback, if there is none.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receive(None).expect("nothing ends it").map_err(|_| RecvError)
    }

    /// As `get(timeout)`, in virtual time.
    ///
    /// # Errors
    /// There is none for so long, or nobody can send one.
    ///
    /// # Panics
    /// As [`recv`](Receiver::recv).
    ///
    /// # Examples
    /// ```
    /// use std::{sync::mpsc::RecvTimeoutError, time::Duration};
    /// use seedloop::{Error, now, run, thread::mpsc, to_thread};
    /// run(async {
    ///     let (_sender, receiver) = mpsc::channel::<i32>();
    ///     let minute = Duration::from_secs(60);
    ///     let got = to_thread(move || receiver.recv_timeout(minute).err()).await?;
    ///     assert_eq!((got, now().as_millis()), (Some(RecvTimeoutError::Timeout), 60_000));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.receive(Some(Deadline::after(timeout))) {
            None => Err(RecvTimeoutError::Timeout),
            Some(received) => received.map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn receive(&self, deadline: Option<Deadline>) -> Option<Result<T, TryRecvError>> {
        job_point();
        let bound = self.0.unseen(Access::Read, |channel| channel.bound);
        let _receiving = (bound == Some(0)).then(|| Receiving::new(&self.0));
        let then = if bound.is_some() { Then::Wakes } else { Then::Nothing };
        self.0.wait("receives from", then, deadline, |channel| match channel.pop() {
            Err(TryRecvError::Empty) => None,
            received => Some(received),
        })
    }

    /// As `get_nowait()`. A schedule point of a job.
    ///
    /// # Errors
    /// There is none, or nobody can send one.
    ///
    /// # Examples
    /// ```
    /// let (_sender, receiver) = seedloop::thread::mpsc::channel::<i32>();
    /// assert!(receiver.try_recv().is_err());
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        job_point();
        self.0.change("tries to receive from", Channel::pop)
    }

    /// What is received, until nobody can send any more.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = seedloop::thread::mpsc::channel();
    /// sender.send(5).unwrap();
    /// drop(sender);
    /// assert!(receiver.iter().eq([5]));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// What is there.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = seedloop::thread::mpsc::channel();
    /// sender.send(5).unwrap();
    /// assert!(receiver.try_iter().eq([5]));
    /// ```
    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}

/// A receiver who waits, for a channel without room.
struct Receiving<'a, T: Send + 'static>(&'a Shared<Channel<T>>);

impl<'a, T: Send + 'static> Receiving<'a, T> {
    fn new(shared: &'a Shared<Channel<T>>) -> Receiving<'a, T> {
        shared.unseen(Access::Write, |channel| channel.receiving += 1);
        Receiving(shared)
    }
}

impl<T: Send + 'static> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        self.0.unseen(Access::Write, |channel| channel.receiving -= 1);
    }
}

impl<T: Send + 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender(enter(&self.0))
    }
}

impl<T: Send + 'static> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        SyncSender(enter(&self.0))
    }
}

impl<T: Send + 'static> Drop for Sender<T> {
    fn drop(&mut self) {
        leave(&self.0);
    }
}

impl<T: Send + 'static> Drop for SyncSender<T> {
    fn drop(&mut self) {
        leave(&self.0);
    }
}

impl<T: Send + 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        job_point();
        let left = self.0.change("closes", |channel| {
            channel.has_receiver = false;
            // Who hands over takes back what nobody has received.
            let is_rendezvous = channel.bound == Some(0);
            if is_rendezvous { VecDeque::new() } else { std::mem::take(&mut channel.queue) }
        });
        drop(left);
    }
}

impl<T: Send + 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
