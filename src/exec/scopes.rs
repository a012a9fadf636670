//! Which cancellation scopes are there, and does anything inside them hear a cancellation itself?
//! A scope whose pending futures are all foreign has to be told in their place.

use crate::kernel::{Key, Slab};

/// Names a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(Key);

#[derive(Debug, Default)]
pub(crate) struct Scopes {
    /// Per scope, the awaits and inner scopes that are pending right inside it.
    counts: Slab<usize>,
    /// The scopes that the current poll is inside of, outermost first.
    active: Vec<ScopeId>,
}

impl Scopes {
    pub(crate) fn open(&mut self) -> ScopeId {
        ScopeId(self.counts.insert(0))
    }

    pub(crate) fn close(&mut self, scope: ScopeId) {
        self.counts.remove(scope.0);
    }

    /// The poll goes into the scope.
    pub(crate) fn push(&mut self, scope: ScopeId) {
        self.active.push(scope);
    }

    /// The poll leaves it.
    pub(crate) fn pop(&mut self) {
        self.active.pop();
    }

    /// Something that hears cancellations is pending in the innermost scope, if there is one.
    pub(crate) fn join(&mut self) -> Option<ScopeId> {
        let scope = *self.active.last()?;
        *self.counts.get_mut(scope.0)? += 1;
        Some(scope)
    }

    /// It is no longer.
    pub(crate) fn leave(&mut self, scope: ScopeId) {
        if let Some(count) = self.counts.get_mut(scope.0) {
            *count -= 1;
        }
    }

    /// Does something inside hear cancellations?
    pub(crate) fn hears(&self, scope: ScopeId) -> bool {
        self.counts.get(scope.0).is_some_and(|&count| count > 0)
    }
}
