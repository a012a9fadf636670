//! What the model computes with.

use std::rc::Rc;

use crate::numbers::Builtin;

/// A value of the model. Constructors are known by number: [`Model`](crate::Model) names them.
#[derive(Clone, Debug)]
pub enum Value {
    /// A `nat`, an `N` or a `positive`.
    Number(u64),
    /// A constructor without arguments.
    Constant(usize),
    /// A constructor with arguments.
    Data(usize, Rc<[Value]>),
    /// A function, or one that has got some of its arguments.
    Function(Rc<Closure>),
}

/// A function with what it has captured, and the arguments that it has got so far.
#[derive(Debug)]
pub struct Closure {
    pub(crate) code: Code,
    pub(crate) captured: Vec<Value>,
    pub(crate) arguments: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Function(usize),
    Builtin(Builtin),
}

impl Value {
    pub(crate) fn data(tag: usize, arguments: impl ExactSizeIterator<Item = Value>) -> Value {
        match arguments.len() {
            0 => Value::Constant(tag),
            _ => Value::Data(tag, arguments.collect()),
        }
    }

    pub(crate) fn function(code: Code) -> Value {
        let (captured, arguments) = (Vec::new(), Vec::new());
        Value::Function(Rc::new(Closure { code, captured, arguments }))
    }

    /// The number that it is.
    ///
    /// # Panics
    /// If it is none: the model is typed, so whoever asks knows.
    pub fn number(&self) -> u64 {
        match self {
            Value::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    /// The arguments of the constructor.
    ///
    /// # Panics
    /// If it is a number or a function.
    pub fn arguments(&self) -> &[Value] {
        match self {
            Value::Constant(_) => &[],
            Value::Data(_, arguments) => arguments,
            other => panic!("{other:?} is no constructor"),
        }
    }

    pub(crate) fn constructor(&self) -> usize {
        match self {
            Value::Constant(tag) | Value::Data(tag, _) => *tag,
            other => panic!("{other:?} is no constructor"),
        }
    }
}

/// Functions are equal to nothing.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Constant(a), Value::Constant(b)) => a == b,
            (Value::Data(a, of_a), Value::Data(b, of_b)) => a == b && of_a == of_b,
            _ => false,
        }
    }
}
