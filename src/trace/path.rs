//! The names of tasks and callbacks: who made them, as which of its children. Such a name
//! survives reordering; a global counter would not.

use std::{fmt, rc::Rc};

use super::mix;

/// The key of the root: main.
pub(crate) const ROOT: u64 = 0x5EED_1009;

/// What kind of child a path's last step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `2/1`: the first task that the root's second task spawned.
    Task,
    /// `2/c1`: the first callback that the root's second task made.
    Call,
}

/// A path from the run down to a task or callback.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    parent: Parent,
    /// The ordinal, and the mark in the last bit. 0 is the root.
    step: u64,
    key: u64,
}

/// A path that others are made from; their number shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parent(Option<Rc<Path>>);

impl Default for Path {
    /// The root.
    fn default() -> Path {
        Path { parent: Parent(None), step: 0, key: ROOT }
    }
}

/// The last step of a path: the ordinal, and the mark in the last bit.
fn step(mark: Mark, ordinal: u32) -> u64 {
    u64::from(ordinal) << 1 | (mark == Mark::Call) as u64
}

impl Parent {
    pub(crate) fn child(&self, mark: Mark, ordinal: u32) -> Path {
        let key = Path::key_of_child(self.key(), mark, ordinal);
        Path { parent: self.clone(), step: step(mark, ordinal), key }
    }

    /// Is it main's?
    #[inline]
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// As [`Path::key`].
    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.0.as_ref().map_or(ROOT, |path| path.key)
    }
}

impl Path {
    /// The path as somebody's parent.
    pub(crate) fn to_parent(&self) -> Parent {
        Parent((!self.is_root()).then(|| Rc::new(self.clone())))
    }

    /// Is it main's?
    pub(crate) fn is_root(&self) -> bool {
        self.step == 0
    }

    /// The key of a child of what has this key.
    pub(crate) fn key_of_child(parent: u64, mark: Mark, ordinal: u32) -> u64 {
        mix(parent, step(mark, ordinal))
    }

    /// 64 bits that stand for the path in digests.
    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.key
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut next = Some(self).filter(|path| !path.is_root());
        while let Some(path) = next {
            let call = if path.step & 1 == 1 { "c" } else { "" };
            steps.push(format!("{call}{}", path.step >> 1));
            next = path.parent.0.as_deref();
        }
        steps.reverse();
        f.write_str(&steps.join("/"))
    }
}

impl Drop for Parent {
    // A chain of tasks that spawn tasks may be a million long: no recursion.
    #[inline]
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(path) = next {
            next = Rc::into_inner(path).and_then(|mut path| path.parent.0.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_children_and_long_ones_drop() {
        let mut path = Path::default().to_parent().child(Mark::Task, 2);
        let parent = path.to_parent();
        assert_eq!(parent.child(Mark::Call, 1).to_string(), "2/c1");
        assert_ne!(parent.child(Mark::Call, 1).key(), parent.child(Mark::Task, 1).key());
        for _ in 0..1_000_000 {
            path = path.to_parent().child(Mark::Task, 1);
        }
        drop(path);
    }
}
