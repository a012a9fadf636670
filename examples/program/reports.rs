//! What the loop and its end report: exceptions that no task takes, slow steps, and how every
//! task ended.

use seedloop::{Error, ExceptionContext, call_exception_handler, interrupt, iteration, now};
use serde_json::json;

use crate::{
    exception::{Exception, Kind},
    interpreter::Interpreter,
    value::{Shared, Value},
};

impl Interpreter {
    /// SystemExit and KeyboardInterrupt leave the loop.
    pub(crate) fn leave_the_loop(&self, error: &Exception) {
        if error.leaves_the_loop() {
            self.fatal.replace(Some(error.clone()));
            interrupt();
        }
    }

    /// What a callback of the program ended with.
    pub(crate) fn callback_ended(&self, result: Result<(), Exception>) {
        let Err(error) = result else { return };
        self.leave_the_loop(&error);
        if error.leaves_the_loop() {
            return;
        }
        let mut context = ExceptionContext::new("Exception in callback");
        context.error = Some(error.to_string());
        self.reported.replace(Some(error));
        call_exception_handler(context);
        self.reported.take();
    }

    /// The loop's exception handler.
    pub(crate) fn on_exception(&self, context: &ExceptionContext) {
        if context.message == "slow_callback" {
            return self.slow_callback(context);
        }
        if context.message == "slow in real time" {
            return; // no business of a trace
        }
        let tasks = self.tasks.borrow();
        let is_meant = |shared: &&Shared| context.task.is_some() && shared.task == context.task;
        let task = tasks.iter().find(is_meant);
        if task.is_some_and(|task| self.is_main(task)) {
            return; // `Runner` drops main's own handle; the final lines tell how main ended
        }
        let reported = self.reported.borrow().clone();
        let error = reported
            .or_else(|| context.downcast().cloned())
            .or_else(|| task.and_then(Shared::error));
        let mut fields = vec![("msg", json!(context.message))];
        fields.extend(error.map(|error| ("exc", error.to_json())));
        fields.extend(task.map(|task| ("on", json!(*task.name))));
        self.event("exc_handler", fields);
    }

    /// Debug mode: a step took 100 ms or more.
    fn slow_callback(&self, context: &ExceptionContext) {
        let millis: Option<i64> = context.error.as_deref().and_then(|text| text.parse().ok());
        let fields = [("d", json!(millis))];
        self.event_at(self.clock.read(now()), iteration(), None, "slow_callback", fields);
    }

    /// What `run` raises if the loop was left: the exception that left it.
    pub(crate) fn raised(&self, error: Exception) -> Exception {
        match error.origin() {
            Some(Error::Interrupted) => self.fatal.take().unwrap_or(error),
            _ => error,
        }
    }

    /// The last lines: how every task ended. `result` is what `run` gave of main.
    pub(crate) fn finals(&self, result: Result<Value, Exception>) {
        for (place, shared) in self.tasks.borrow().iter().enumerate() {
            let fetched = place == 0 || shared.future.is_retrieved(); // main's: by the loop
            let state = match &result {
                Err(error) if place == 0 && error.is_a(Kind::CancelledError) => {
                    vec![("state", json!("cancelled"))]
                }
                _ => shared.state(),
            };
            let head = [("final", json!(*shared.name))];
            let tail = (!fetched).then_some(("unretrieved", json!(true)));
            self.line(head.into_iter().chain(state).chain(tail));
        }
    }
}
