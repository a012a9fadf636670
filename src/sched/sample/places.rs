//! What belongs to names, in memory that is used again: the runs of a program have the same names.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

/// So many names of earlier runs keep their places.
const NAMES_MAX: usize = 1 << 14;
/// So many names are found at once, if no two of them are alike in their last bits.
const RECENT: usize = 64;

/// What belongs to names. A name keeps its place when all is forgotten.
pub(super) struct Places<T> {
    by_name: BTreeMap<u64, usize>,
    /// What is older is forgotten.
    slots: Vec<(u64, T)>,
    age: u64,
    /// Names with their places, by their last bits. Names are mixed well.
    recent: [Option<(u64, usize)>; RECENT],
}

impl<T> Default for Places<T> {
    fn default() -> Places<T> {
        let (by_name, slots, recent) = (BTreeMap::new(), Vec::new(), [None; RECENT]);
        Places { by_name, slots, age: 0, recent }
    }
}

impl<T: Default> Places<T> {
    /// What belongs to names is again what is there in the beginning.
    pub(super) fn forget(&mut self) {
        self.age += 1;
        if self.slots.len() > NAMES_MAX {
            *self = Places { age: self.age, ..Places::default() };
        }
    }

    /// The place of a name.
    pub(super) fn of(&mut self, name: u64) -> usize {
        let recent = &mut self.recent[name as usize % RECENT];
        if recent.is_none_or(|recent| recent.0 != name) {
            *recent = Some((name, *self.by_name.entry(name).or_insert(self.slots.len())));
        }
        let at = recent.expect("just set").1;
        match self.slots.get_mut(at) {
            None => self.slots.push((self.age, T::default())),
            Some(slot) if slot.0 != self.age => *slot = (self.age, T::default()),
            Some(_) => {}
        }
        at
    }
}

impl<T> Index<usize> for Places<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.slots[at].1
    }
}

impl<T> IndexMut<usize> for Places<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.slots[at].1
    }
}
