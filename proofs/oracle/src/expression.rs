//! Coq's terms as the evaluator runs them: names are resolved to places on a stack.
//!
//! A function's frame begins with its arguments; behind them stand the values that it has captured,
//! then itself if it is a local fixpoint, then what its body binds as it goes. So the place of a
//! name is known before anything runs.

use crate::{numbers::Builtin, value::Value};

pub(crate) enum Expression {
    /// The value at this place of the frame.
    Local(usize),
    /// One argument of the constructor at this place of the frame: a record's field.
    Field(usize, usize),
    /// A top-level definition.
    Global(usize),
    /// A constructor term without variables.
    Constant(Value),
    /// `S e`.
    Successor(Box<Expression>),
    /// `XO e` and `XI e`: twice a positive number, and one more.
    Double(Box<Expression>, u64),
    Constructor(usize, Box<[Expression]>),
    /// A built-in function of two numbers.
    Builtin(Builtin, Box<[Expression; 2]>),
    /// A top-level function with all its arguments.
    Call(usize, Box<[Expression]>),
    Apply(Box<Expression>, Box<[Expression]>),
    /// A function, by its place among the model's functions.
    Lambda(usize),
    Let(Box<Expression>, Box<Expression>),
    Case(Box<Case>),
}

/// A function.
pub(crate) struct Function {
    pub(crate) arity: usize,
    /// The places, in the frame around it, of what it captures.
    pub(crate) captures: Vec<usize>,
    /// It is a local fixpoint: it finds itself behind its captures.
    pub(crate) is_fixpoint: bool,
    pub(crate) body: Expression,
}

pub(crate) struct Case {
    pub(crate) on: Expression,
    pub(crate) kind: CaseKind,
    /// The branches, in the order of the constructors; then the one for all others.
    pub(crate) branches: Vec<Option<Branch>>,
    pub(crate) otherwise: Option<Otherwise>,
}

/// What a case tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseKind {
    /// The constructors from this one on.
    Data(usize),
    /// `O`, `S n`.
    Nat,
    /// `N0`, `Npos p`.
    N,
    /// `XH`, `XO p`, `XI p`.
    Positive,
}

pub(crate) struct Branch {
    /// The constructor's arguments that have a name. They join the frame.
    pub(crate) binds: Vec<usize>,
    pub(crate) body: Expression,
}

pub(crate) struct Otherwise {
    /// The value itself joins the frame.
    pub(crate) binds: bool,
    pub(crate) body: Expression,
}
