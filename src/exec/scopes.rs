//! Which cancellation scopes are there, and does anything inside them hear a cancellation itself?
//! A scope whose pending futures are all foreign has to be told in their place.

use crate::kernel::{Key, Slab};

/// Names a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(Key);

#[derive(Debug)]
struct Scope {
    /// The awaits and inner scopes that are pending right inside it.
    count: usize,
    /// The scope around it.
    outer: Option<ScopeId>,
}

#[derive(Debug, Default)]
pub(crate) struct Scopes {
    scopes: Slab<Scope>,
    /// The scopes that the current poll is inside of, outermost first.
    active: Vec<ScopeId>,
}

impl Scopes {
    /// A new scope inside the innermost one. Gives both; the new one hears cancellations.
    pub(crate) fn open(&mut self) -> (ScopeId, Option<ScopeId>) {
        let outer = self.join();
        (ScopeId(self.scopes.insert(Scope { count: 0, outer })), outer)
    }

    pub(crate) fn close(&mut self, scope: ScopeId) {
        if let Some(outer) = self.scopes.remove(scope.0).and_then(|scope| scope.outer) {
            self.leave(outer);
        }
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
    #[inline]
    pub(crate) fn join(&mut self) -> Option<ScopeId> {
        let scope = *self.active.last()?;
        self.scopes.get_mut(scope.0)?.count += 1;
        Some(scope)
    }

    /// It is no longer.
    pub(crate) fn leave(&mut self, scope: ScopeId) {
        if let Some(scope) = self.scopes.get_mut(scope.0) {
            scope.count -= 1;
        }
    }

    /// Does something inside hear cancellations?
    pub(crate) fn hears(&self, scope: ScopeId) -> bool {
        self.scopes.get(scope.0).is_some_and(|scope| scope.count > 0)
    }

    /// Is the first scope the second, or inside it?
    pub(crate) fn is_within(&self, scope: Option<ScopeId>, target: ScopeId) -> bool {
        let mut next = scope;
        while let Some(scope) = next {
            if scope == target {
                return true;
            }
            next = self.scopes.get(scope.0).and_then(|scope| scope.outer);
        }
        false
    }
}
