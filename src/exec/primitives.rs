//! The thread primitives of the hand-offs. `models/` puts loom's in their place.

pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
