//! Jobs of executors, and what other threads call. A job is on a thread of its own: it sees the
//! program, the lines of the trace and the time, and nothing of the loop.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use seedloop::{Cancelled, Future, Outcome, ThreadPool, iteration, now, run_in_executor, thread};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::{
    clock::Clock,
    exception::{Exception, Kind},
    flow::duration,
    grammar::{Millis, Object},
    interpreter::Interpreter,
    primitive::Primitive,
    value::{Literal, Value},
};

/// A thread function that is busy for a while.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    /// The executor; the default one if there is none, and always for `to_thread`.
    pub(crate) o: Option<String>,
    #[serde(default = "at_once")]
    d: Millis,
    #[serde(default)]
    v: Literal,
    exc: Option<Kind>,
    msg: Option<String>,
    #[serde(default)]
    label: Literal,
    /// A context variable that it reads.
    pub(crate) ctx: Option<String>,
}

fn at_once() -> Millis {
    Millis(0)
}

impl Work {
    /// What it ends with.
    fn result(&self) -> Result<Value, Exception> {
        match self.exc {
            Some(kind) => Err(self.exception(kind).unwrap_or_else(|refused| refused)),
            None => Ok(self.v.clone().into()),
        }
    }

    fn exception(&self, kind: Kind) -> Result<Exception, Exception> {
        Exception::made(kind, self.msg.as_deref())
    }
}

/// The lines of a trace, also from other threads: but one thread runs at a time.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Json>>>);

impl Lines {
    pub(crate) fn push(&self, fields: impl IntoIterator<Item = (&'static str, Json)>) {
        let line: Map<String, Json> =
            fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Json::Object(line));
    }

    pub(crate) fn take(&self) -> Vec<Json> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An event of a thread.
    fn of_thread<const N: usize>(
        &self,
        clock: Clock,
        thread: &str,
        name: &str,
        fields: [(&'static str, Json); N],
    ) {
        let head = [
            ("t", json!(clock.read(now()))),
            ("i", json!(iteration())),
            ("thread", json!(thread)),
            ("ev", json!(name)),
        ];
        self.push(head.into_iter().chain(fields));
    }
}

/// What comes of a job, which becomes the program's values on the loop's thread.
struct Done(&'static Work);

/// Marks it as an outcome.
struct OfThread;

impl Outcome<OfThread> for Done {
    type Value = Value;
    type Error = Exception;

    fn into_result(self) -> Result<Value, Exception> {
        self.0.result()
    }

    fn cancellation(_: &Exception) -> Option<Cancelled> {
        None
    }

    fn text(error: &Exception) -> String {
        error.to_string()
    }
}

impl Interpreter {
    /// `run_in_executor`. What it reads of its variable is given.
    pub(crate) fn submit(
        &'static self,
        work: &'static Work,
        read: Option<Literal>,
    ) -> Result<Future<Value, Exception>, Exception> {
        let pool = match &work.o {
            None => None,
            Some(name) => match self.object(name)? {
                Primitive::Executor(pool) => Some(pool),
                _ => return Err(Exception::new(Kind::AttributeError)),
            },
        };
        let (lines, clock) = (self.lines.clone(), self.clock);
        let job = move || {
            if let (Some(variable), Some(read)) = (&work.ctx, read) {
                let fields = [("var", json!(variable)), ("v", read.to_json())];
                lines.of_thread(clock, "*", "ctx", fields);
            }
            let is_refused = work.exc.is_some_and(|kind| work.exception(kind).is_err());
            let (d, label) = match is_refused {
                true => (0, Literal::Null),
                false => (work.d.0, work.label.clone()),
            };
            let name = thread::name().unwrap_or_default();
            let name = name.rsplit_once('_').map(|(pool, at)| format!("{pool}-{at}"));
            let name = name.unwrap_or_default();
            lines.of_thread(clock, &name, "job_start", [("v", label.to_json())]);
            thread::sleep(duration(d));
            lines.of_thread(clock, &name, "job_end", [("v", label.to_json())]);
            Done(work)
        };
        Ok(run_in_executor(pool.as_ref(), job)?)
    }

    /// What a context variable is where nobody has set it.
    pub(crate) fn default_of(&self, variable: &str) -> Literal {
        match self.program.objects.get(variable) {
            Some(Object::Contextvar { default }) => default.clone(),
            _ => Literal::Null,
        }
    }

    /// The default executor of the program.
    pub(crate) fn default_executor(&self) -> ThreadPool {
        ThreadPool::named("default", self.program.threads.unwrap_or(4))
    }
}
