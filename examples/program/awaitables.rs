//! Awaitables: built first, as Python evaluates arguments, then awaited. `gather` and `shield`
//! start when they are built; everything else is a coroutine object that has not begun.

use std::{rc::Rc, time::Duration};

use seedloop::{gather, shield, sleep, wait, wait_for};

use crate::{
    exception::{Exception, Kind},
    flow::duration,
    grammar::Millis,
    interpreter::{Handle, Interpreter},
    op::{Awaitable, ReturnWhen},
    primitive::{Local, Primitive},
    value::{Literal, Shared, Value},
};

impl Handle {
    /// Whether both are the same object.
    pub(crate) fn is(&self, other: &Handle) -> bool {
        match (self, other) {
            (Handle::Shared(a), Handle::Shared(b)) => a.is(b),
            (Handle::Coroutine(a), Handle::Coroutine(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Interpreter {
    /// Waits for what was built.
    pub(crate) fn await_handle(&'static self, handle: Handle) -> Local<Value> {
        match handle {
            Handle::Shared(shared) => Box::pin(shared.future),
            Handle::Coroutine(coroutine) => coroutine.take(),
            Handle::Timer(_) | Handle::Nothing => {
                Box::pin(async { Err(Exception::new(Kind::TypeError)) })
            }
        }
    }

    pub(crate) fn build(&'static self, awaitable: &'static Awaitable) -> Result<Handle, Exception> {
        let coroutine = match awaitable {
            Awaitable::Handle { h } => {
                return Ok(self.handle(h).expect("missing handles skip their op"));
            }
            Awaitable::Coro { c } => return Ok(self.coroutine(c)),
            Awaitable::Gather { aws, rexc } => {
                return self.build_gather(aws, *rexc).map(Handle::Shared);
            }
            Awaitable::Shield { aw } => return self.build_shield(aw).map(Handle::Shared),
            Awaitable::WaitFor { aw, d } => {
                let inner = self.build(aw)?;
                Box::pin(self.wait_for(inner, *d))
            }
            Awaitable::Sleep { d, v } => sleep_then(*d, v),
            Awaitable::Wait { hs, d, when } => {
                let handles = self.distinct(hs);
                Box::pin(self.wait(handles, *d, *when))
            }
            Awaitable::EventWait { o }
            | Awaitable::CondWait { o }
            | Awaitable::BarrierWait { o } => self.object(o)?.wait()?,
            Awaitable::CondWaitFor { o, var } => self.wait_until(self.object(o)?, var)?,
            Awaitable::BarrierReset { o } => self.object(o)?.reset()?,
            Awaitable::BarrierAbort { o } => self.object(o)?.abort()?,
            Awaitable::Acquire { o } => self.object(o)?.acquire()?,
            Awaitable::Get { o } => self.object(o)?.get()?,
            Awaitable::Put { o, v } => self.object(o)?.put(v.clone())?,
            Awaitable::Join { o } => self.object(o)?.join()?,
            Awaitable::Executor(work) => {
                // Its thread has a context of its own.
                let read = work.ctx.as_deref().map(|name| self.default_of(name));
                return self.submit(work, read).map(Shared::plain).map(Handle::Shared);
            }
            Awaitable::ToThread(work) => Box::pin(async move {
                let read = match &work.ctx {
                    Some(name) => Some(self.context_variable(name)?.get().unwrap_or_default()),
                    None => None,
                };
                self.submit(work, read)?.await
            }),
            _ => unreachable!("a checked program awaits what is simulated"),
        };
        Ok(Handle::coroutine(coroutine))
    }

    fn build_gather(
        &'static self,
        awaitables: &'static [Awaitable],
        return_exceptions: bool,
    ) -> Result<Shared, Exception> {
        let built: Result<Vec<Handle>, Exception> =
            awaitables.iter().map(|awaitable| self.build(awaitable)).collect();
        let mut children: Vec<(Handle, Shared)> = Vec::new();
        for handle in built? {
            let known = children.iter().find(|(other, _)| other.is(&handle));
            let child = match known {
                Some((_, child)) => child.clone(),
                None => self.ensure_future(handle.clone())?,
            };
            children.push((handle, child));
        }
        let futures: Vec<_> = children.into_iter().map(|(_, child)| child.future).collect();
        Ok(Shared::plain(match return_exceptions {
            false => gather(futures).map(Value::List).future(),
            true => {
                let show =
                    |result: Result<Value, Exception>| result.unwrap_or_else(Value::Exception);
                let all = gather(futures).return_exceptions();
                all.map(move |each| Value::List(each.into_iter().map(show).collect())).future()
            }
        }))
    }

    fn build_shield(&'static self, awaitable: &'static Awaitable) -> Result<Shared, Exception> {
        let inner = self.build(awaitable)?;
        let inner = self.ensure_future(inner)?;
        if inner.future.is_done() {
            return Ok(inner);
        }
        Ok(Shared::plain(shield(inner.future)))
    }

    /// In this task, but for a limit of zero: then the awaitable becomes a task.
    async fn wait_for(
        &'static self,
        inner: Handle,
        limit: Option<Millis>,
    ) -> Result<Value, Exception> {
        match limit.map(|Millis(millis)| duration(millis)) {
            Some(Duration::ZERO) => {
                let future = self.ensure_future(inner)?.future;
                wait_for(future, Duration::ZERO).await
            }
            limit => wait_for(self.await_handle(inner), limit).await,
        }
    }

    /// `asyncio.wait`: of coroutines a TypeError, of nothing a ValueError.
    pub(crate) async fn wait(
        &'static self,
        handles: Vec<Handle>,
        limit: Option<Millis>,
        when: ReturnWhen,
    ) -> Result<Value, Exception> {
        let mut shared = Vec::new();
        for handle in handles {
            match handle {
                Handle::Shared(one) => shared.push(one),
                Handle::Coroutine(_) => return Err(Exception::new(Kind::TypeError)),
                _ => return Err(Exception::new(Kind::AttributeError)),
            }
        }
        let mut waiting = wait(shared.iter().map(|one| one.future.clone()));
        if let Some(Millis(millis)) = limit {
            waiting = waiting.timeout(duration(millis));
        }
        waiting = match when {
            ReturnWhen::AllCompleted => waiting,
            ReturnWhen::FirstCompleted => waiting.first_completed(),
            ReturnWhen::FirstException => waiting.first_exception(),
        };
        waiting.await?;
        // The same two lists as seedloop's answer, but of futures that know their task.
        let (done, pending) = shared.into_iter().partition(|one| one.future.is_done());
        Ok(Value::Waited(done, pending))
    }

    /// `Condition.wait_for`: until the variable is true.
    fn wait_until(
        &'static self,
        object: Primitive,
        variable: &'static str,
    ) -> Result<Local<Value>, Exception> {
        let Primitive::Condition(condition) = object else {
            return Err(Exception::new(Kind::AttributeError));
        };
        Ok(Box::pin(async move {
            condition.wait_for(move || self.variable(variable).is_true()).await?;
            Ok(Value::Plain(self.variable(variable)))
        }))
    }
}

fn sleep_then(Millis(millis): Millis, value: &'static Literal) -> Local<Value> {
    Box::pin(async move {
        sleep(duration(millis)).await?;
        Ok(Value::Plain(value.clone()))
    })
}
