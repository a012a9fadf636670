//! The statements that never wait: tasks, futures, callbacks, time, objects, variables.

use seedloop::{
    ContextVar, TaskRef, busy, call_at, call_soon, current_task, now, raw::call_from_outside,
};
use serde_json::json;

use crate::{
    exception::{Exception, Kind},
    flow::duration,
    grammar::{Block, Millis},
    interpreter::{Handle, Interpreter},
    op::{Method, Op},
    primitive::Primitive,
    value::{Literal, Shared, Value},
};

impl Interpreter {
    pub(crate) fn statement(&'static self, op: &'static Op) -> Result<(), Exception> {
        match op {
            Op::Log { v } => self.event("log", [("v", v.to_json())]),
            Op::SetVar { var, v } => {
                self.variables.borrow_mut().insert(var.clone(), v.clone());
            }
            Op::CtxSet { var, v } => self.context_variable(var)?.set(v.clone()),
            Op::CtxGet { var } => {
                let value = self.context_variable(var)?.get().unwrap_or_default().to_json();
                self.event("ctx", [("var", json!(var)), ("v", value)]);
            }
            Op::Busy { d: Millis(millis) } => busy(duration(*millis)),
            Op::Now {} => self.event("now", [("v", json!(self.clock.read(now())))]),
            Op::CallSoon { cb, body, name } => {
                self.arm(name.as_ref().unwrap_or(cb), call_soon(move || self.callback(cb, body)));
            }
            Op::CallLater { d: Millis(millis), cb, body, name } => {
                let when = self.clock.at(self.clock.read(now()) + millis);
                let timer = call_at(when, move || self.callback(cb, body));
                self.arm(name.as_ref().unwrap_or(cb), timer);
            }
            Op::External { d: Millis(millis), cb, body } => {
                call_from_outside(duration(*millis), move || self.callback(cb, body));
            }
            Op::CallAt { at: Millis(millis), cb, body, name } => {
                let timer = call_at(self.clock.at(*millis), move || self.callback(cb, body));
                self.arm(name.as_ref().unwrap_or(cb), timer);
            }
            Op::Do { o, m, args } => {
                let result = self.call(o, *m, args);
                self.attempt("do", result, [("o", json!(o)), ("m", json!(m.name()))])?;
            }
            Op::Reschedule { o, d } => {
                let result = self.reschedule(o, *d);
                let fields = [("o", json!(o)), ("m", json!("reschedule"))];
                self.attempt("do", result, fields)?;
            }
            Op::Misuse { what } => self.misuse(*what)?,
            _ => self.task_statement(op)?,
        }
        Ok(())
    }

    fn task_statement(&'static self, op: &'static Op) -> Result<(), Exception> {
        match op {
            Op::Spawn { c, name } => {
                let Handle::Coroutine(coroutine) = self.coroutine(c) else { unreachable!() };
                let task = self.spawn(name, &coroutine);
                self.set_handle(name, Handle::Shared(task));
            }
            Op::TgSpawn { o, c, name } => self.spawn_in_group(o, c, name)?,
            Op::Mkcoro { c, name } => self.set_handle(name, self.coroutine(c)),
            Op::Mk { aw, name } => {
                if !self.missing(aw.handles()) {
                    let future = self.ensure_future(self.build(aw)?)?;
                    self.set_handle(name, Handle::Shared(future));
                }
            }
            Op::CurrentHandle { name } => self.set_handle(name, self.current_handle()),
            Op::Uncancel { h } => self.count_cancels("uncancel", h.as_deref())?,
            Op::Cancelling { h } => self.count_cancels("cancelling", h.as_deref())?,
            Op::Cancel { h, .. }
            | Op::State { h }
            | Op::Result { h }
            | Op::Exception { h }
            | Op::FutSet { h, .. }
            | Op::FutExc { h, .. }
            | Op::OnDone { h, .. }
            | Op::OffDone { h, .. } => {
                if !self.missing([h.as_str()]) {
                    self.handle_statement(op, h)?;
                }
            }
            _ => unreachable!("a checked program has no op that is not simulated"),
        }
        Ok(())
    }

    /// A statement about the handle `name`, which exists.
    fn handle_statement(
        &'static self,
        op: &'static Op,
        name: &'static str,
    ) -> Result<(), Exception> {
        let handle = self.handle(name).expect("missing handles skip their op");
        let on = [("h", json!(name))];
        if let Op::Cancel { msg, .. } = op {
            let accepted = match &handle {
                Handle::Shared(shared) if self.is_main(shared) => Value::bool(match msg {
                    Some(message) => shared.task.is_some_and(|main| main.cancel_with(message)),
                    None => shared.task.is_some_and(TaskRef::cancel),
                }),
                handle => handle.cancel(msg.as_deref())?,
            };
            self.event("cancel", [("h", json!(name)), ("v", accepted.to_json())]);
            return Ok(());
        }
        let Handle::Shared(shared) = handle else {
            return self.not_a_future(op, name);
        };
        let future = &shared.future;
        match op {
            Op::State { .. } => self.event("state", on.into_iter().chain(shared.state())),
            Op::Result { .. } => self.attempt("result", future.result(), on)?,
            Op::Exception { .. } => {
                let error = future.error().map_err(Exception::from);
                let value = error.map(|error| error.map_or(Value::NONE, Value::Exception));
                self.attempt("exception", value, on)?;
            }
            Op::FutSet { v, .. } => {
                let result = self.set(&shared, Ok(Value::Plain(v.clone())));
                self.attempt("fut_set", result, on)?;
            }
            Op::FutExc { exc, msg, .. } => {
                let error = Exception::made(*exc, msg.as_deref())?;
                let result = self.set(&shared, Err(error));
                self.attempt("fut_exc", result, on)?;
            }
            Op::OnDone { cb, body, .. } => self.on_done(&shared, name, cb, body),
            Op::OffDone { cb, .. } => {
                let id = self.callbacks.borrow().get(&(name.to_owned(), cb.clone())).copied();
                if let Some(id) = id {
                    let removed = u8::from(future.remove_done_callback(id));
                    self.event("off_done", [("h", json!(name)), ("v", json!(removed))]);
                }
            }
            _ => unreachable!("the statements about a handle"),
        }
        Ok(())
    }

    /// A coroutine or a timer has none of a future's methods.
    fn not_a_future(&self, op: &Op, name: &str) -> Result<(), Exception> {
        let missing = Err(Exception::new(Kind::AttributeError));
        match op {
            Op::FutSet { .. } => self.attempt("fut_set", missing, [("h", json!(name))]),
            Op::FutExc { exc, msg, .. } => {
                Exception::made(*exc, msg.as_deref())?;
                self.attempt("fut_exc", missing, [("h", json!(name))])
            }
            Op::OffDone { cb, .. } => {
                let key = (name.to_owned(), cb.clone());
                if self.callbacks.borrow().contains_key(&key) {
                    missing.map(|_| ())
                } else {
                    Ok(())
                }
            }
            _ => missing.map(|_| ()),
        }
    }

    /// `set_result` or `set_exception`; a task refuses both.
    pub(crate) fn set(
        &self,
        shared: &Shared,
        result: Result<Value, Exception>,
    ) -> Result<Value, Exception> {
        if self.is_main(shared) {
            return Err(Exception::new(Kind::RuntimeError));
        }
        none(match result {
            Ok(value) => shared.future.set_result(value),
            Err(error) => shared.future.set_error(error),
        })
    }

    fn on_done(
        &'static self,
        shared: &Shared,
        name: &'static str,
        callback: &'static str,
        body: &'static Block,
    ) {
        let watched = shared.clone();
        let id = shared.future.add_done_callback(move |_| {
            let fields = [("cb", json!(callback)), ("on", json!(name))];
            self.event("cb", fields.into_iter().chain(watched.state()));
            self.callback_ended(self.block_in_callback(body));
        });
        self.callbacks.borrow_mut().insert((name.to_owned(), callback.to_owned()), id);
    }

    fn callback(&'static self, name: &'static str, body: &'static Block) {
        self.event("cb", [("cb", json!(name))]);
        self.callback_ended(self.block_in_callback(body));
    }

    fn arm(&self, name: &str, timer: seedloop::Handle) {
        self.set_handle(name, Handle::Timer(timer));
    }

    fn spawn_in_group(
        &'static self,
        group: &'static str,
        coro: &'static str,
        name: &'static str,
    ) -> Result<(), Exception> {
        let Handle::Coroutine(coroutine) = self.coroutine(coro) else { unreachable!() };
        match self.spawn_in(group, name, &coroutine) {
            Ok(task) => {
                self.set_handle(name, Handle::Shared(task));
                self.event("do", [("m", json!("tg_spawn")), ("v", json!(name))]);
                Ok(())
            }
            Err(error) => {
                self.event("do_err", [("m", json!("tg_spawn")), ("exc", error.to_json())]);
                Err(error)
            }
        }
    }

    /// `uncancel` or `cancelling`, of a handle or of the running task.
    fn count_cancels(&self, what: &str, name: Option<&str>) -> Result<(), Exception> {
        if self.missing(name) {
            return Ok(());
        }
        let named = name.and_then(|name| self.handle(name));
        let task = match named {
            Some(Handle::Shared(shared)) => shared.task,
            Some(_) => None,
            None => current_task(),
        };
        let task = task.ok_or_else(|| Exception::new(Kind::AttributeError))?;
        let count = if what == "uncancel" { task.uncancel() } else { task.cancelling() };
        self.event(what, [("v", json!(count))]);
        Ok(())
    }

    pub(crate) fn context_variable(&self, name: &str) -> Result<ContextVar<Literal>, Exception> {
        match self.object(name)? {
            Primitive::Variable(variable) => Ok(variable),
            _ => Err(Exception::new(Kind::AttributeError)),
        }
    }

    fn call(&self, object: &str, method: Method, args: &[Literal]) -> Result<Value, Exception> {
        self.object(object)?.call(method, args, self.clock)
    }

    fn reschedule(&self, object: &str, delay: Option<Millis>) -> Result<Value, Exception> {
        let Primitive::Timeout(timeout) = self.object(object)? else {
            return Err(Exception::new(Kind::AttributeError));
        };
        let when = delay.map(|Millis(millis)| self.clock.at(self.clock.read(now()) + millis));
        none(timeout.reschedule(when))
    }
}

impl Handle {
    /// `cancel(msg)`: whether it was accepted; a timer says nothing and takes no message.
    fn cancel(&self, message: Option<&str>) -> Result<Value, Exception> {
        match (self, message) {
            (Handle::Shared(shared), Some(message)) => {
                Ok(Value::bool(shared.future.cancel_with(message)))
            }
            (Handle::Shared(shared), None) => Ok(Value::bool(shared.future.cancel())),
            (Handle::Timer(timer), None) => {
                timer.cancel();
                Ok(Value::NONE)
            }
            (Handle::Timer(_), Some(_)) => Err(Exception::new(Kind::TypeError)),
            (Handle::Coroutine(_) | Handle::Nothing, _) => {
                Err(Exception::new(Kind::AttributeError))
            }
        }
    }
}

/// Python's None for `()`.
fn none(result: Result<(), seedloop::Error>) -> Result<Value, Exception> {
    Ok(result.map(|()| Value::NONE)?)
}
