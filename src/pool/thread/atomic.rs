//! Atomics of jobs: [`std::sync::atomic`]. Each operation is a turn of its own, and they happen one
//! after the other: what weaker orderings allow beyond that is not simulated (`loom` does that), so
//! an ordering is taken, and not looked at.

pub use std::sync::atomic::Ordering;
use std::{fmt, sync::Mutex, sync::PoisonError};

use crate::{
    exec::{Deed, Object, did, raw::job_point},
    sched::Access,
};

/// A value with a name that searches know.
struct Cell<T> {
    object: Object,
    label: std::sync::Arc<str>,
    value: Mutex<T>,
}

impl<T: Copy> Cell<T> {
    fn new(what: &'static str, value: T) -> Cell<T> {
        let (object, label) = Object::labelled(what);
        Cell { object, label, value: Mutex::new(value) }
    }

    fn with<R>(&self, verb: &'static str, access: Access, f: impl FnOnce(&mut T) -> R) -> R {
        job_point();
        let result = f(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        let Cell { object, label, .. } = self;
        did(Deed { object: *object, access, verb, label: label.clone() });
        result
    }

    fn into_inner(self) -> T {
        self.value.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all atomics have.
macro_rules! atomic {
    ($name:ident, $of:ty, $std:literal, $one:literal, $two:literal) => {
        #[doc = concat!(
            "[`", $std, "`](", $std, "), of which each use is a schedule point of a job."
        )]
        ///
        /// # Examples
        /// ```
        #[doc = concat!(
            "use seedloop::thread::atomic::{", stringify!($name), ", Ordering::SeqCst};\n",
            "let value = ", stringify!($name), "::new(", $one, ");\n",
            "value.store(", $two, ", SeqCst);\n",
            "assert_eq!(value.swap(", $one, ", SeqCst), ", $two, ");\n",
            "let changed = value.compare_exchange(", $one, ", ", $two, ", SeqCst, SeqCst);\n",
            "assert_eq!(changed, Ok(", $one, "));\n",
            "assert_eq!(value.load(SeqCst), ", $two, ");"
        )]
        /// ```
        pub struct $name(Cell<$of>);

        impl $name {
            /// With this value. Make it inside the run, or each use of it depends on everything.
            pub fn new(value: $of) -> $name {
                $name(Cell::new(stringify!($name), value))
            }

            /// The value.
            pub fn load(&self, _: Ordering) -> $of {
                self.0.with("loads", Access::Read, |value| *value)
            }

            /// Puts another value there.
            pub fn store(&self, value: $of, _: Ordering) {
                self.0.with("stores into", Access::Write, |old| *old = value);
            }

            /// Puts another value there and gives the old one.
            pub fn swap(&self, value: $of, _: Ordering) -> $of {
                self.change("swaps", |_| value)
            }

            /// Puts `new` there if `current` is. Gives what was there.
            ///
            /// # Errors
            /// Something else is there: it is in the error.
            pub fn compare_exchange(
                &self,
                current: $of,
                new: $of,
                _: Ordering,
                _: Ordering,
            ) -> Result<$of, $of> {
                self.0.with("compares and exchanges", Access::Write, |value| match *value {
                    old if old == current => Ok(std::mem::replace(value, new)),
                    other => Err(other),
                })
            }

            /// The same: it never fails for nothing.
            ///
            /// # Errors
            /// As [`compare_exchange`](Self::compare_exchange).
            pub fn compare_exchange_weak(
                &self,
                current: $of,
                new: $of,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$of, $of> {
                self.compare_exchange(current, new, success, failure)
            }

            /// Changes the value, in a loop of [`load`](Self::load) and
            /// [`compare_exchange`](Self::compare_exchange). Gives the old one.
            ///
            /// # Errors
            /// `f` gives nothing: the value is in the error.
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut f: impl FnMut($of) -> Option<$of>,
            ) -> Result<$of, $of> {
                let mut old = self.load(fetch);
                while let Some(new) = f(old) {
                    match self.compare_exchange(old, new, set, fetch) {
                        Ok(old) => return Ok(old),
                        Err(other) => old = other,
                    }
                }
                Err(old)
            }

            /// The value.
            pub fn into_inner(self) -> $of {
                self.0.into_inner()
            }

            fn change(&self, verb: &'static str, f: impl FnOnce($of) -> $of) -> $of {
                self.0.with(verb, Access::Write, |value| {
                    let new = f(*value);
                    std::mem::replace(value, new)
                })
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new(<$of>::default())
            }
        }

        impl From<$of> for $name {
            fn from(value: $of) -> Self {
                $name::new(value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0.value.lock().unwrap_or_else(PoisonError::into_inner), f)
            }
        }
    };
}

/// Operations that give the old value.
macro_rules! fetch {
    ($name:ident, $of:ty, $($fetch:ident, $verb:literal, $text:literal, $f:expr;)*) => {
        impl $name {
            $(
                #[doc = $text]
                pub fn $fetch(&self, value: $of, _: Ordering) -> $of {
                    let f: fn($of, $of) -> $of = $f;
                    self.change($verb, |old| f(old, value))
                }
            )*
        }
    };
}

macro_rules! integer {
    ($($name:ident, $of:ident, $std:literal;)*) => {
        $(
            atomic!($name, $of, $std, "1", "2");
            fetch!($name, $of,
                fetch_add, "adds to", "Adds, and wraps around. Gives the old value.",
                $of::wrapping_add;
                fetch_sub, "subtracts from", "Subtracts, and wraps around. Gives the old value.",
                $of::wrapping_sub;
                fetch_max, "takes the maximum of", "The larger of both. Gives the old value.",
                Ord::max;
                fetch_min, "takes the minimum of", "The smaller of both. Gives the old value.",
                Ord::min;
                fetch_and, "ands", "Bitwise and. Gives the old value.", |a, b| a & b;
                fetch_or, "ors", "Bitwise or. Gives the old value.", |a, b| a | b;
                fetch_xor, "xors", "Bitwise exclusive or. Gives the old value.", |a, b| a ^ b;
            );
        )*
    };
}

atomic!(AtomicBool, bool, "std::sync::atomic::AtomicBool", "false", "true");
fetch!(AtomicBool, bool,
    fetch_and, "ands", "Logical and. Gives the old value.", |a, b| a & b;
    fetch_or, "ors", "Logical or. Gives the old value.", |a, b| a | b;
    fetch_xor, "xors", "Logical exclusive or. Gives the old value.", |a, b| a ^ b;
);
integer!(
    AtomicU8, u8, "std::sync::atomic::AtomicU8";
    AtomicU16, u16, "std::sync::atomic::AtomicU16";
    AtomicU32, u32, "std::sync::atomic::AtomicU32";
    AtomicU64, u64, "std::sync::atomic::AtomicU64";
    AtomicUsize, usize, "std::sync::atomic::AtomicUsize";
    AtomicI8, i8, "std::sync::atomic::AtomicI8";
    AtomicI16, i16, "std::sync::atomic::AtomicI16";
    AtomicI32, i32, "std::sync::atomic::AtomicI32";
    AtomicI64, i64, "std::sync::atomic::AtomicI64";
    AtomicIsize, isize, "std::sync::atomic::AtomicIsize";
);
