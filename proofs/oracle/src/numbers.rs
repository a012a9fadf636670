//! `nat`, `N` and `positive` are Rust's numbers, and arithmetic on them is Rust's.

use std::cmp::Ordering;

/// A function of two numbers that is not run as extracted. It means the same on all three types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    Add,
    Sub,
    Mul,
    Max,
    Min,
    Eqb,
    Leb,
    Ltb,
    Compare,
}

/// What a function of two numbers gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Number(u64),
    Bool(bool),
    Order(Ordering),
}

impl Builtin {
    /// The function of that name. Extraction numbers those of one name: `add`, `add0`, `add1`.
    pub(crate) fn of(name: &str) -> Option<Builtin> {
        Some(match name.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "add" => Builtin::Add,
            "sub" => Builtin::Sub,
            "mul" => Builtin::Mul,
            "max" => Builtin::Max,
            "min" => Builtin::Min,
            "eqb" => Builtin::Eqb,
            "leb" => Builtin::Leb,
            "ltb" => Builtin::Ltb,
            "compare" => Builtin::Compare,
            _ => return None,
        })
    }

    /// # Panics
    /// If the result is no number below 2^64.
    pub(crate) fn apply(self, a: u64, b: u64) -> Outcome {
        match self {
            Builtin::Add => Outcome::Number(fits(a.checked_add(b))),
            Builtin::Sub => Outcome::Number(a.saturating_sub(b)),
            Builtin::Mul => Outcome::Number(fits(a.checked_mul(b))),
            Builtin::Max => Outcome::Number(a.max(b)),
            Builtin::Min => Outcome::Number(a.min(b)),
            Builtin::Eqb => Outcome::Bool(a == b),
            Builtin::Leb => Outcome::Bool(a <= b),
            Builtin::Ltb => Outcome::Bool(a < b),
            Builtin::Compare => Outcome::Order(a.cmp(&b)),
        }
    }
}

/// A number that Rust can hold.
pub(crate) fn fits(number: Option<u64>) -> u64 {
    number.expect("the model computes a number beyond 2^64")
}
