//! The values of a program: what its JSON may write down (`Literal`), and what its tasks and
//! futures end with (`Value`). Compared and shown as Python does.

use std::{cmp::Ordering, rc::Rc};

use seedloop::{Future, State, TaskRef};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::exception::Exception;

/// A value that a program can write down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged, expecting = "a value is null, a bool, an integer, a text or a list of values")]
pub(crate) enum Literal {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Literal>),
}

impl Literal {
    /// As Python's `bool(...)`.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Literal::Null => false,
            Literal::Bool(value) => *value,
            Literal::Int(value) => *value != 0,
            Literal::Text(text) => !text.is_empty(),
            Literal::List(list) => !list.is_empty(),
        }
    }

    /// Python's numbers: `True` is 1.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Literal::Bool(value) => Some(i64::from(*value)),
            Literal::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Literal::Null => Json::Null,
            Literal::Bool(value) => json!(value),
            Literal::Int(value) => json!(value),
            Literal::Text(text) => json!(text),
            Literal::List(list) => list.iter().map(Literal::to_json).collect(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Literal::Null => 0,
            Literal::Bool(_) | Literal::Int(_) => 1,
            Literal::Text(_) => 2,
            Literal::List(_) => 3,
        }
    }
}

/// Python's order within numbers, texts and lists; where Python has none, by kind.
impl Ord for Literal {
    fn cmp(&self, other: &Literal) -> Ordering {
        match (self, other) {
            (Literal::Text(a), Literal::Text(b)) => a.cmp(b),
            (Literal::List(a), Literal::List(b)) => a.cmp(b),
            _ => (self.rank(), self.number()).cmp(&(other.rank(), other.number())),
        }
    }
}

impl PartialOrd for Literal {
    fn partial_cmp(&self, other: &Literal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Literal {}

/// What a task or a future of the program ends with.
#[derive(Clone)]
pub(crate) enum Value {
    Plain(Literal),
    List(Vec<Value>),
    Exception(Exception),
    /// What `wait` gives: the done and the pending.
    Waited(Vec<Shared>, Vec<Shared>),
}

impl Value {
    pub(crate) const NONE: Value = Value::Plain(Literal::Null);
    pub(crate) const TRUE: Value = Value::Plain(Literal::Bool(true));

    pub(crate) fn bool(value: bool) -> Value {
        Value::Plain(Literal::Bool(value))
    }

    pub(crate) fn int(value: impl TryInto<i64>) -> Value {
        Value::Plain(Literal::Int(value.try_into().unwrap_or(i64::MAX)))
    }

    /// How a trace shows it, now: the state of a future may change later.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Value::Plain(literal) => literal.to_json(),
            Value::List(list) => list.iter().map(Value::to_json).collect(),
            Value::Exception(exception) => exception.to_json(),
            Value::Waited(done, pending) => {
                let show = |list: &[Shared]| list.iter().map(Shared::to_json).collect::<Json>();
                json!({ "done": show(done), "pending": show(pending) })
            }
        }
    }
}

impl From<Literal> for Value {
    fn from(literal: Literal) -> Value {
        Value::Plain(literal)
    }
}

/// A future of the program that several may hold: a task's, or a plain one.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) future: Future<Value, Exception>,
    pub(crate) task: Option<TaskRef>,
    /// The task's name, which outlives the run.
    pub(crate) name: Rc<str>,
}

impl Shared {
    pub(crate) fn plain(future: Future<Value, Exception>) -> Shared {
        Shared { future, task: None, name: "".into() }
    }

    pub(crate) fn of_task(task: TaskRef, future: Future<Value, Exception>) -> Shared {
        Shared { future, task: Some(task), name: task.name().into() }
    }

    pub(crate) fn is(&self, other: &Shared) -> bool {
        self.future.is_same(&other.future)
    }

    /// The fields of a trace that tell its state. Does not count as retrieving the error.
    pub(crate) fn state(&self) -> Vec<(&'static str, Json)> {
        self.future.peek(|state| match state {
            State::Pending => vec![("state", json!("pending"))],
            State::Cancelled => vec![("state", json!("cancelled"))],
            State::Finished(value) => {
                let value = value.map_or(Json::Null, Value::to_json);
                vec![("state", json!("finished")), ("v", value)]
            }
            State::Failed(error) => {
                let error = error.map_or(Json::Null, Exception::to_json);
                vec![("state", json!("failed")), ("exc", error)]
            }
        })
    }

    /// The error it failed with. Does not count as retrieving it.
    pub(crate) fn error(&self) -> Option<Exception> {
        self.future.peek(|state| match state {
            State::Failed(error) => error.cloned(),
            _ => None,
        })
    }

    fn to_json(&self) -> Json {
        match self.task {
            Some(_) => json!({ "task": *self.name }),
            // As asyncio, which calls a failed future finished, too.
            None => json!({ "future": self.future.peek(|state| match state {
                State::Pending => "pending",
                State::Cancelled => "cancelled",
                State::Finished(_) | State::Failed(_) => "finished",
            }) }),
        }
    }
}
