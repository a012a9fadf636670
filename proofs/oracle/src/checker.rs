//! A run of the real kernel beside the model: each operation with its answer must be one that the
//! model allows.

use std::fmt;

use crate::{load::Model, value::Value};

/// Where a run stands in the model.
pub struct Checker<'m> {
    model: &'m Model,
    state: Value,
    /// The operations so far.
    operations: usize,
}

/// An operation that the model does not do, or does not answer so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which one: 0 is the first.
    pub at: usize,
    /// What was asked.
    pub operation: String,
    /// What the real kernel answered.
    pub given: String,
    /// What the model answers; none if it does not allow the operation.
    pub expected: Option<String>,
}

impl<'m> Checker<'m> {
    /// At the model's `start`.
    pub fn new(model: &'m Model) -> Checker<'m> {
        Checker { model, state: model.global("start"), operations: 0 }
    }

    /// The model's state.
    pub fn state(&self) -> &Value {
        &self.state
    }

    /// The operations so far.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// Goes one operation further, by `check_op`.
    ///
    /// # Errors
    /// If the model does not allow it, or answers something else.
    pub fn feed(&mut self, operation: Value, answer: Value) -> Result<(), Rejection> {
        let arguments = vec![self.state.clone(), operation.clone(), answer.clone()];
        let checked = self.model.call("check_op", arguments);
        match self.model.to_option(&checked) {
            Some(state) => {
                self.state = state;
                self.operations += 1;
                Ok(())
            }
            None => Err(self.reject(operation, answer)),
        }
    }

    fn reject(&self, operation: Value, answer: Value) -> Rejection {
        let shown = self.model.show(&operation);
        let applied = self.model.call("apply", vec![self.state.clone(), operation]);
        let expected = self.model.to_option(&applied);
        Rejection {
            at: self.operations,
            operation: shown,
            given: self.model.show(&answer),
            expected: expected.map(|pair| self.model.show(&pair.arguments()[1])),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejection { at, operation, given, expected } = self;
        match expected {
            Some(expected) => {
                write!(f, "op {at}, {operation}: the kernel answers {given}, the model {expected}")
            }
            None => write!(f, "op {at}, {operation}: the model does not allow it here"),
        }
    }
}
