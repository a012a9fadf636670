//! The statements that hold other statements or may wait: control flow, `await`, `with`.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use seedloop::{TaskGroup, Timeout, as_completed, now, yield_now};
use serde_json::{Value as Json, json};

use crate::{
    exception::{Exception, Kind},
    grammar::{Block, Millis},
    interpreter::{Handle, Interpreter},
    op::{Awaitable, BadAwait, Manager, Op, Try, With},
    primitive::{Local, Primitive},
    value::{Literal, Value},
};

/// Whether a block ran to its end or left its coroutine.
pub(crate) enum Flow {
    Next,
    Return(Literal),
}

impl Flow {
    pub(crate) fn returned(self) -> Option<Literal> {
        match self {
            Flow::Next => None,
            Flow::Return(value) => Some(value),
        }
    }
}

/// The exception that the innermost `except` body handles.
pub(crate) type Handling = Option<Exception>;

impl Interpreter {
    pub(crate) fn block(&'static self, block: &'static Block, handling: Handling) -> Local<Flow> {
        Box::pin(async move {
            for op in &block.0 {
                if let Flow::Return(value) = self.op(op, &handling).await? {
                    return Ok(Flow::Return(value));
                }
            }
            Ok(Flow::Next)
        })
    }

    /// Runs the block of a callback, which cannot wait.
    pub(crate) fn block_in_callback(&'static self, block: &'static Block) -> Result<(), Exception> {
        let mut run = pin!(self.block(block, None));
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.map(|_| ()),
            Poll::Pending => Err(Exception::new(Kind::RuntimeError)),
        }
    }

    async fn op(&'static self, op: &'static Op, handling: &Handling) -> Result<Flow, Exception> {
        match op {
            Op::Await { aw } => self.op_await(aw).await?,
            Op::AwaitBad { what } => self.await_bad(*what).await?,
            Op::AsCompleted { hs, d } => self.op_as_completed(hs, *d).await?,
            Op::With(op) => return self.with(op, handling).await,
            Op::Try(op) => return self.try_finally(op, handling).await,
            Op::If(op) => {
                let holds = self.variable(&op.var) == op.eq;
                let block = if holds { &op.then } else { &op.otherwise };
                return self.block(block, handling.clone()).await;
            }
            Op::Repeat { n, body } => {
                for _ in 0..*n {
                    if let Flow::Return(value) = self.block(body, handling.clone()).await? {
                        return Ok(Flow::Return(value));
                    }
                }
            }
            Op::Return { v } => return Ok(Flow::Return(v.clone())),
            Op::Raise { exc, msg } => return Err(Exception::made(*exc, msg.as_deref())?),
            Op::Reraise {} => {
                return Err(handling.clone().expect("a checked reraise is in an except body"));
            }
            _ => self.statement(op)?,
        }
        Ok(Flow::Next)
    }

    async fn try_finally(
        &'static self,
        op: &'static Try,
        handling: &Handling,
    ) -> Result<Flow, Exception> {
        let result = self.try_except(op, handling).await;
        if !op.finally.0.is_empty() {
            self.event("finally", []);
            if let Flow::Return(value) = self.block(&op.finally, handling.clone()).await? {
                return Ok(Flow::Return(value));
            }
        }
        result
    }

    async fn try_except(
        &'static self,
        op: &'static Try,
        handling: &Handling,
    ) -> Result<Flow, Exception> {
        let error = match self.block(&op.body, handling.clone()).await {
            Ok(Flow::Next) => return self.block(&op.otherwise, handling.clone()).await,
            Ok(flow) => return Ok(flow),
            Err(error) => error,
        };
        let mut handlers = op.except.iter();
        match handlers.find(|handler| handler.types.iter().any(|kind| error.is_a(*kind))) {
            Some(handler) => {
                self.event("except", [("exc", error.to_json())]);
                self.block(&handler.body, Some(error)).await
            }
            None => Err(error),
        }
    }

    async fn op_await(&'static self, awaitable: &'static Awaitable) -> Result<(), Exception> {
        if self.missing(awaitable.handles()) {
            return Ok(());
        }
        let kind = ("k", json!(awaitable.name()));
        let result = match self.build(awaitable) {
            Ok(built) => self.await_handle(built).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(value) => {
                self.event("ok", [kind, ("v", value.to_json())]);
                Ok(())
            }
            Err(error) => {
                self.event("err", [kind, ("exc", error.to_json())]);
                Err(error)
            }
        }
    }

    async fn op_as_completed(
        &'static self,
        names: &'static [String],
        timeout: Option<Millis>,
    ) -> Result<(), Exception> {
        if self.missing(names.iter().map(String::as_str)) {
            return Ok(());
        }
        let mut futures = Vec::new();
        for handle in self.distinct(names) {
            futures.push(self.ensure_future(handle)?.future);
        }
        let mut completed = as_completed(futures);
        if let Some(Millis(millis)) = timeout {
            completed = completed.timeout(duration(millis));
        }
        let mut place = 0;
        while let Some(result) = completed.next().await {
            let (name, last) = match &result {
                Ok(value) => ("ok", ("v", value.to_json())),
                Err(error) => ("err", ("exc", error.to_json())),
            };
            self.event(name, [("k", json!("as_completed")), ("n", json!(place)), last]);
            match result {
                Err(error) if !error.is_a(Kind::Exception) => return Err(error),
                Err(error) if error.is_a(Kind::TimeoutError) => return Err(error),
                _ => place += 1,
            }
        }
        Ok(())
    }

    /// Awaits of what cannot be awaited. Only a cancellation propagates.
    async fn await_bad(&'static self, what: BadAwait) -> Result<(), Exception> {
        let (name, result) = match what {
            BadAwait::Int => ("int", Err(Exception::new(Kind::TypeError))),
            BadAwait::WaitEmpty => {
                ("wait_empty", self.wait(Vec::new(), None, Default::default()).await)
            }
            BadAwait::WaitCoro => {
                let main = vec![self.coroutine("main")];
                ("wait_coro", self.wait(main, None, Default::default()).await)
            }
            BadAwait::Itself => ("self", self.await_itself().await),
        };
        match result {
            Err(error) if !error.is_a(Kind::Exception) => Err(error),
            Err(error) => {
                self.event("misuse_err", [("exc", error.to_json()), ("what", json!(name))]);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    async fn await_itself(&'static self) -> Result<Value, Exception> {
        yield_now().await?;
        Err(Exception::new(Kind::RuntimeError))
    }

    async fn with(
        &'static self,
        op: &'static With,
        handling: &Handling,
    ) -> Result<Flow, Exception> {
        let kind = ("k", json!(op.cm.name()));
        match self.enter(op, handling.clone()).await {
            Ok(flow) => {
                self.event("with_end", [kind]);
                Ok(flow)
            }
            Err(error) => {
                self.event("with_err", [kind, ("exc", error.to_json())]);
                Err(error)
            }
        }
    }

    async fn enter(
        &'static self,
        op: &'static With,
        handling: Handling,
    ) -> Result<Flow, Exception> {
        let manager = self.manager(&op.cm)?;
        if let Some(name) = &op.name {
            self.objects.borrow_mut().insert(name.clone(), manager.clone());
        }
        let is_object = matches!(op.cm, Manager::Obj { .. });
        let body = async move |entered: Value| {
            let shown = if is_object { entered.to_json() } else { Json::Null };
            self.event("with", [("k", json!(op.cm.name())), ("v", shown)]);
            self.block(&op.body, handling).await
        };
        match manager {
            Primitive::Timeout(timeout) => timeout.run(body(Value::NONE)).await,
            Primitive::Group(_) if matches!(op.cm, Manager::Again { .. }) => {
                Err(Exception::new(Kind::RuntimeError)) // every group here has been entered
            }
            Primitive::Group(group) => Ok(group.run(body(Value::NONE)).await?),
            Primitive::Barrier(barrier) => {
                let place = barrier.wait().await?;
                body(Value::int(place)).await
            }
            Primitive::Lock(lock) => {
                lock.acquire().await?.forget();
                let result = body(Value::NONE).await;
                lock.release()?;
                result
            }
            Primitive::Condition(condition) => {
                condition.acquire().await?.forget();
                let result = body(Value::NONE).await;
                condition.release()?;
                result
            }
            Primitive::Semaphore(permits) => {
                permits.acquire().await?.forget();
                let result = body(Value::NONE).await;
                permits.release();
                result
            }
            Primitive::BoundedSemaphore(permits) => {
                permits.acquire().await?.forget();
                let result = body(Value::NONE).await;
                permits.release()?;
                result
            }
            _ => Err(Exception::new(Kind::TypeError)),
        }
    }

    fn manager(&self, manager: &'static Manager) -> Result<Primitive, Exception> {
        let now_ms = self.clock.read(now());
        Ok(match manager {
            Manager::Obj { o } | Manager::Again { o } => return self.object(o),
            Manager::Timeout { d } => {
                let when = d.map(|Millis(millis)| self.clock.at(now_ms + millis));
                Primitive::Timeout(Timeout::new(when))
            }
            Manager::TimeoutAt { at } => {
                let when = at.map(|Millis(millis)| self.clock.at(millis));
                Primitive::Timeout(Timeout::new(when))
            }
            Manager::Taskgroup {} => Primitive::Group(TaskGroup::new()),
        })
    }

    /// The handles of these names, each object once.
    pub(crate) fn distinct(&self, names: &[String]) -> Vec<Handle> {
        let mut handles: Vec<Handle> = Vec::new();
        for handle in names.iter().filter_map(|name| self.handle(name)) {
            if !handles.iter().any(|other| other.is(&handle)) {
                handles.push(handle);
            }
        }
        handles
    }
}

/// Never negative: as asyncio, which takes a negative delay for none.
pub(crate) fn duration(millis: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
