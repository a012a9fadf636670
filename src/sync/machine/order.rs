//! In which order a queue gives its items back.

use std::collections::VecDeque;

use super::heap;

/// In which order a queue gives its items back.
///
/// # Examples
/// ```
/// use std::collections::BinaryHeap;
/// use seedloop::{QueueOf, order::Order};
/// /// The greatest first.
/// struct Greatest;
/// impl Order<u32> for Greatest {
///     type Store = BinaryHeap<u32>;
///     fn put(store: &mut Self::Store, item: u32) {
///         store.push(item);
///     }
///     fn get(store: &mut Self::Store) -> Option<u32> {
///         store.pop()
///     }
///     fn len(store: &Self::Store) -> usize {
///         store.len()
///     }
/// }
/// let queue: QueueOf<u32, Greatest> = QueueOf::new(0);
/// [5, 9, 7].into_iter().try_for_each(|item| queue.put_nowait(item))?;
/// assert_eq!(queue.get_nowait()?, 9);
/// # Ok::<(), seedloop::Error>(())
/// ```
pub trait Order<T>: 'static {
    /// Does each item have a place of its own, which no other item changes?
    #[doc(hidden)]
    const HAS_SLOTS: bool = false;
    /// Where the items are.
    type Store: Default;
    /// Adds an item.
    fn put(store: &mut Self::Store, item: T);
    /// Takes the next item.
    fn get(store: &mut Self::Store) -> Option<T>;
    /// How many there are.
    fn len(store: &Self::Store) -> usize;
}

/// First in, first out.
///
/// # Examples
/// ```
/// use seedloop::order::{Fifo, Order};
/// let mut store = Default::default();
/// ["x", "y"].into_iter().for_each(|item| Fifo::put(&mut store, item));
/// assert_eq!(Fifo::get(&mut store), Some("x"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fifo(());
/// Last in, first out.
///
/// # Examples
/// ```
/// use seedloop::order::{Lifo, Order};
/// let mut store = Default::default();
/// ["x", "y"].into_iter().for_each(|item| Lifo::put(&mut store, item));
/// assert_eq!(Lifo::get(&mut store), Some("y"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lifo(());
/// The least first; of equal items the one that `heapq.py` of CPython 3.13 gives.
///
/// # Examples
/// ```
/// use seedloop::order::{Priority, Order};
/// let mut store = Default::default();
/// [3, 1, 2].into_iter().for_each(|item| Priority::put(&mut store, item));
/// assert_eq!(Priority::get(&mut store), Some(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Priority(());

impl<T> Order<T> for Fifo {
    const HAS_SLOTS: bool = true;
    type Store = VecDeque<T>;
    fn put(store: &mut VecDeque<T>, item: T) {
        store.push_back(item);
    }
    fn get(store: &mut VecDeque<T>) -> Option<T> {
        store.pop_front()
    }
    fn len(store: &VecDeque<T>) -> usize {
        store.len()
    }
}

impl<T> Order<T> for Lifo {
    type Store = Vec<T>;
    fn put(store: &mut Vec<T>, item: T) {
        store.push(item);
    }
    fn get(store: &mut Vec<T>) -> Option<T> {
        store.pop()
    }
    fn len(store: &Vec<T>) -> usize {
        store.len()
    }
}

impl<T: Ord> Order<T> for Priority {
    type Store = Vec<T>;
    fn put(store: &mut Vec<T>, item: T) {
        heap::push(store, item);
    }
    fn get(store: &mut Vec<T>) -> Option<T> {
        heap::pop(store)
    }
    fn len(store: &Vec<T>) -> usize {
        store.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fifo, Lifo, Order, Priority};

    /// What comes out after 2, 1, 3 went in, each with how many are left.
    fn drained<O: Order<i32>>() -> Vec<(i32, usize)> {
        let mut store = O::Store::default();
        [2, 1, 3].into_iter().for_each(|item| O::put(&mut store, item));
        std::iter::from_fn(|| Some((O::get(&mut store)?, O::len(&store)))).collect()
    }

    #[test]
    fn each_order_gives_its_next_item_and_counts_the_rest() {
        assert_eq!(drained::<Fifo>(), [(2, 2), (1, 1), (3, 0)]);
        assert_eq!(drained::<Lifo>(), [(3, 2), (1, 1), (2, 0)]);
        assert_eq!(drained::<Priority>(), [(1, 2), (2, 1), (3, 0)]);
    }
}
