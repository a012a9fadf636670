//! The whole state of the real kernel against the model's: field by field, in the model's words.

use seedloop::{
    kernel::Handle,
    lockstep::{CallPlace, CallView, FutureView, TaskView, View},
};
use seedloop_oracle::{Model, Value};

use super::translate::Translator;

/// The fields of the model's `kernel` that the real one has too, by their places in the record.
/// The others are counters of what was made, and the history.
const FIELDS: [(usize, &str); 10] = [
    (0, "now"),
    (1, "iteration"),
    (2, "ready"),
    (3, "batch"),
    (4, "timers"),
    (6, "tasks"),
    (7, "futures"),
    (8, "calls"),
    (12, "stopping"),
    (13, "observed"),
];

/// Are the two states the same?
pub(super) fn same(
    translator: &mut Translator<'_>,
    view: &View,
    machine: &Value,
) -> Result<(), String> {
    let model = translator.model;
    let kernel = machine.arguments()[0].arguments();
    for ((place, name), ours) in FIELDS.into_iter().zip(translator.fields(view)) {
        let theirs = match name {
            "timers" => armed(model, &kernel[place]),
            _ => kernel[place].clone(),
        };
        if ours != theirs {
            let (ours, theirs) = (model.show(&ours), model.show(&theirs));
            return Err(format!("{name}: the kernel has {ours}, the model {theirs}"));
        }
    }
    Ok(())
}

/// The timers as pairs of a deadline and a callback: the order tells the registrations.
fn armed(model: &Model, timers: &Value) -> Value {
    let timers = model.to_vec(timers);
    model.list(timers.iter().map(|timer| {
        let [deadline, _registration, call, _armed_at] = timer.arguments() else {
            panic!("a timer has four fields")
        };
        model.pair(deadline.clone(), call.clone())
    }))
}

impl Translator<'_> {
    /// In the order of [`FIELDS`].
    fn fields(&mut self, view: &View) -> [Value; 10] {
        let ready: Vec<Value> = view.ready.iter().map(|&handle| self.handle(handle)).collect();
        let timers = view.timers.iter();
        let timers: Vec<Value> = timers
            .map(|(deadline, call)| self.model.pair(Value::Number(*deadline), self.call(call)))
            .collect();
        let tasks = view.tasks.iter().map(|task| (self.task(&task.id), self.task_view(task)));
        let tasks: Vec<_> = tasks.collect();
        let futures = view.futures.iter().map(|f| (self.future(&f.id), self.future_view(f)));
        let futures: Vec<_> = futures.collect();
        let calls = view.calls.iter().map(|call| (self.call(&call.id), self.call_view(call)));
        let calls: Vec<_> = calls.collect();
        [
            Value::Number(view.now),
            Value::Number(view.iteration),
            self.model.list(ready),
            Value::Number(view.batch as u64),
            self.model.list(timers),
            self.table(tasks),
            self.table(futures),
            self.table(calls),
            self.model.bool(view.stopping),
            self.futures(&view.observed),
        ]
    }

    /// An association list, the newest first.
    fn table(&self, mut entries: Vec<(Value, Value)>) -> Value {
        entries.sort_by_key(|(id, _)| std::cmp::Reverse(id.number()));
        self.model.list(entries.into_iter().map(|(id, entry)| self.model.pair(id, entry)))
    }

    fn task_view(&mut self, task: &TaskView) -> Value {
        let awaits = task.awaits.iter().map(|(on, since)| {
            let on = self.on(on);
            self.model.data("Await", [on, Value::Number((*since).into())])
        });
        let awaits: Vec<Value> = awaits.collect();
        let must_cancel = task.must_cancel.as_ref().map(|message| self.message(message));
        let told = task.told.as_ref().map(|message| self.message(message));
        let model = self.model;
        model.data(
            "Task",
            [
                self.future(&task.future),
                Value::Number(task.step.into()),
                model.bool(task.queued),
                model.bool(task.running),
                model.bool(task.ended),
                model.bool(task.aborted),
                model.list(awaits),
                model.option(must_cancel),
                model.option(told),
                model.bool(task.told_taken),
                Value::Number(task.cancels.into()),
            ],
        )
    }

    fn future_view(&mut self, future: &FutureView) -> Value {
        let callbacks = future.callbacks.iter().map(|callback| match callback {
            Handle::Step(task) => self.model.data("WakeTask", [self.task(task)]),
            Handle::Call(call) => self.model.data("RunCall", [self.call(call)]),
        });
        let callbacks: Vec<Value> = callbacks.collect();
        let model = self.model;
        model.data(
            "Future",
            [
                self.state(future.state),
                model.list(callbacks),
                self.on_cancel(&future.on_cancel),
                model.bool(future.cancel_requested),
                self.message(&future.message),
                model.bool(future.message_once),
                model.bool(future.observed),
            ],
        )
    }

    fn call_view(&mut self, call: &CallView) -> Value {
        let place = match call.place {
            CallPlace::OnDone => "OnDone",
            CallPlace::Armed => "Armed",
            CallPlace::Queued => "Queued",
            CallPlace::Cancelled => "Dead",
        };
        let place = self.model.data(place, []);
        self.model.data("ACallOf", [self.action(call.action), place])
    }
}
