//! The names of tasks and callbacks: who made them, as which of its children. Such a name
//! survives reordering; a global counter would not.

use std::{fmt, rc::Rc};

use super::mix;

/// The key of the root: the run itself.
const ROOT: u64 = 0x5EED_1009;

/// What kind of child a path's last step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `2/1`: the first task that the root's second task spawned.
    Task,
    /// `2/c1`: the first callback that the root's second task made.
    Call,
}

/// A path from the run down to a task or callback. Clones share their nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(Option<Rc<Node>>);

#[derive(Debug)]
struct Node {
    parent: Path,
    mark: Mark,
    ordinal: u32,
    key: u64,
}

impl Path {
    pub(crate) fn child(&self, mark: Mark, ordinal: u32) -> Path {
        let key = mix(self.key(), u64::from(ordinal) << 1 | (mark == Mark::Call) as u64);
        Path(Some(Rc::new(Node { parent: self.clone(), mark, ordinal, key })))
    }

    /// Is it main's?
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// 64 bits that stand for the path in digests.
    #[inline]
    pub(crate) fn key(&self) -> u64 {
        self.0.as_ref().map_or(ROOT, |node| node.key)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut path = self;
        while let Some(node) = &path.0 {
            let call = if node.mark == Mark::Call { "c" } else { "" };
            steps.push(format!("{call}{}", node.ordinal));
            path = &node.parent;
        }
        steps.reverse();
        f.write_str(&steps.join("/"))
    }
}

impl Drop for Path {
    // A chain of tasks that spawn tasks may be a million long: no recursion.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(node) = next {
            next = Rc::into_inner(node).and_then(|mut node| node.parent.0.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_children_and_long_ones_drop() {
        let mut path = Path::default().child(Mark::Task, 2);
        assert_eq!(path.child(Mark::Call, 1).to_string(), "2/c1");
        assert_ne!(path.child(Mark::Call, 1).key(), path.child(Mark::Task, 1).key());
        for _ in 0..1_000_000 {
            path = path.child(Mark::Task, 1);
        }
        drop(path);
    }
}
