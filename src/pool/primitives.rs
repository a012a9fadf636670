//! The thread primitives of the baton. `models/` puts loom's in their place.

pub(super) use std::{
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
    thread::{Thread, current, park},
};
