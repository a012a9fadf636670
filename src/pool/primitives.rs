//! The thread primitives of the baton. `models/` puts loom's in their place.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
