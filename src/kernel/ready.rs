//! The ready handles in FIFO order, any of which may be taken: the first in O(1), the k-th by
//! counting bits. Takes leave holes; holes are squeezed out when they outnumber the handles. As
//! long as only the first is taken, or there are few, nothing is counted: a few are moved instead.

use std::hash::{Hash, Hasher};

use super::Handle;

/// Handles per word of the map of live slots.
const WORD: usize = 64;
/// Up to so many handles a take from their middle moves those before it.
const MOVED_MAX: usize = 128;
/// Words per counted group: a pick skips 4,096 slots at a time.
const GROUP: usize = 64;

/// A queue with order statistics.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// Everything pushed since the last squeeze, in order.
    slots: Vec<Handle>,
    /// Bit i of word w: is slot 64 w + i still here? Empty while all slots from `head` on are.
    live: Vec<u64>,
    /// Live slots per group of words.
    groups: Vec<u32>,
    /// The first slot that may be live.
    /// invariant: every slot before it is a hole.
    head: usize,
    len: usize,
    /// Slots before this one were ready when the iteration began.
    batch_end: usize,
    /// Live slots before `batch_end`.
    batch: usize,
}

impl Ready {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn reset(&mut self) {
        self.clear();
        self.len = 0;
    }

    /// How many of this iteration's batch are left.
    #[inline]
    pub(super) fn batch_len(&self) -> usize {
        self.batch
    }

    /// What is here now is the batch.
    pub(super) fn begin_batch(&mut self) {
        self.batch_end = self.slots.len();
        self.batch = self.len;
    }

    #[inline(always)]
    pub(super) fn push(&mut self, handle: Handle) {
        if self.slots.len() >= 2 * WORD && self.slots.len() >= 4 * self.len {
            self.squeeze();
        }
        self.slots.push(handle);
        self.len += 1;
        if !self.live.is_empty() {
            self.mark(self.slots.len() - 1);
        }
    }

    /// Marks a slot, the last one, as live.
    fn mark(&mut self, slot: usize) {
        let word = slot / WORD;
        if word == self.live.len() {
            self.live.push(0);
            if word.is_multiple_of(GROUP) {
                self.groups.push(0);
            }
        }
        self.live[word] |= 1 << (slot % WORD);
        self.groups[word / GROUP] += 1;
    }

    /// Starts the map of live slots.
    #[cold]
    fn map(&mut self) {
        let words = self.slots.len().div_ceil(WORD);
        self.live.resize(words, 0);
        self.groups.resize(words.div_ceil(GROUP), 0);
        (self.head..self.slots.len()).for_each(|slot| self.mark(slot));
    }

    pub(super) fn get(&self, index: usize) -> Option<Handle> {
        (index < self.len).then(|| self.slots[self.slot_of(index)])
    }

    /// Takes the `index`th handle out.
    #[inline(always)]
    pub(super) fn take(&mut self, index: usize) -> Option<Handle> {
        if index >= self.len {
            return None;
        }
        let is_plain = self.live.is_empty() && (index == 0 || self.len <= MOVED_MAX);
        let handle = if is_plain { self.take_moving(index) } else { self.take_marked(index) };
        self.len -= 1;
        if self.len == 0 {
            self.clear();
        }
        Some(handle)
    }

    /// Moves those before it up by one. So there is no hole but before the head.
    #[inline(always)]
    fn take_moving(&mut self, index: usize) -> Handle {
        let slot = self.head + index;
        let handle = self.slots[slot];
        if index > 0 {
            self.slots.copy_within(self.head..slot, self.head + 1);
        }
        self.head += 1;
        if slot < self.batch_end {
            self.batch -= 1;
        } else if self.batch > 0 {
            self.batch_end += 1;
        }
        handle
    }

    /// Leaves a hole.
    fn take_marked(&mut self, index: usize) -> Handle {
        if self.live.is_empty() {
            self.map();
        }
        let slot = self.slot_of(index);
        self.live[slot / WORD] &= !(1 << (slot % WORD));
        self.groups[slot / WORD / GROUP] -= 1;
        if slot < self.batch_end {
            self.batch -= 1;
        }
        if slot == self.head {
            self.head += 1;
        }
        self.slots[slot]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Handle> + '_ {
        let live = |&slot: &usize| self.live.is_empty() || self.is_marked(slot);
        (self.head..self.slots.len()).filter(live).map(|slot| self.slots[slot])
    }

    fn is_marked(&self, slot: usize) -> bool {
        self.live[slot / WORD] >> (slot % WORD) & 1 == 1
    }

    /// The slot of the `index`th live handle.
    #[inline]
    fn slot_of(&self, index: usize) -> usize {
        if self.live.is_empty() || index == 0 && self.is_marked(self.head) {
            return self.head + index;
        }
        self.counted(index)
    }

    fn counted(&self, index: usize) -> usize {
        let head = self.head;
        let mut left = index as u32;
        let mut group = head / WORD / GROUP;
        while self.groups[group] <= left {
            left -= self.groups[group];
            group += 1;
        }
        let mut word = (group * GROUP).max(head / WORD);
        while self.live[word].count_ones() <= left {
            left -= self.live[word].count_ones();
            word += 1;
        }
        let mut bits = self.live[word];
        for _ in 0..left {
            bits &= bits - 1;
        }
        word * WORD + bits.trailing_zeros() as usize
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.live.clear();
        self.groups.clear();
        (self.head, self.batch_end, self.batch) = (0, 0, 0);
    }

    /// Squeezes the holes out. Amortised O(1) a push: at least three in four slots are holes.
    fn squeeze(&mut self) {
        if self.live.is_empty() {
            self.slots.drain(..self.head);
        } else {
            let mut end = 0;
            for slot in self.head..self.slots.len() {
                if self.is_marked(slot) {
                    self.slots[end] = self.slots[slot];
                    end += 1;
                }
            }
            self.slots.truncate(end);
            self.live.clear();
            self.groups.clear();
        }
        (self.head, self.batch_end) = (0, self.batch);
    }
}

// Equality and hash speak of the handles, not of the holes.
impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.batch == other.batch && self.iter().eq(other.iter())
    }
}

impl Eq for Ready {}

impl Hash for Ready {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.batch.hash(state);
        for handle in self.iter() {
            handle.hash(state);
        }
    }
}
