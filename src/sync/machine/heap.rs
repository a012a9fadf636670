//! A binary heap with CPython's order of equal items (heapq.py): an item that equals another keeps
//! the place that heapq would give it.

pub(super) fn push<T: Ord>(heap: &mut Vec<T>, item: T) {
    heap.push(item);
    let last = heap.len() - 1;
    sift_down(heap, 0, last);
}

pub(super) fn pop<T: Ord>(heap: &mut Vec<T>) -> Option<T> {
    let last = heap.len().checked_sub(1)?;
    heap.swap(0, last);
    let least = heap.pop();
    if !heap.is_empty() {
        sift_up(heap, 0);
    }
    least
}

/// Moves the item at `at` towards the root while it is less than its parent.
fn sift_down<T: Ord>(heap: &mut [T], start: usize, mut at: usize) {
    while at > start {
        let parent = (at - 1) / 2;
        if heap[at] >= heap[parent] {
            break;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves the item at `at` down to a leaf, along the lesser children, then back up to its place.
fn sift_up<T: Ord>(heap: &mut [T], mut at: usize) {
    let start = at;
    loop {
        let left = 2 * at + 1;
        if left >= heap.len() {
            break;
        }
        let right = left + 1;
        let child = if right < heap.len() && heap[left] >= heap[right] { right } else { left };
        heap.swap(at, child);
        at = child;
    }
    sift_down(heap, start, at);
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    /// Items of one priority are equal, and still have their number.
    struct Item {
        priority: usize,
        number: usize,
    }

    impl PartialEq for Item {
        fn eq(&self, other: &Item) -> bool {
            self.priority == other.priority
        }
    }

    impl Eq for Item {}

    impl PartialOrd for Item {
        fn partial_cmp(&self, other: &Item) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Item {
        fn cmp(&self, other: &Item) -> Ordering {
            self.priority.cmp(&other.priority)
        }
    }

    #[test]
    fn equal_items_come_in_the_order_of_heapq() {
        let (mut heap, mut order) = (Vec::new(), Vec::new());
        for (numbers, pops) in [(0..24, 12), (24..30, 18)] {
            for number in numbers {
                super::push(&mut heap, Item { priority: number * 7 % 5, number });
            }
            let popped = (0..pops).map(|_| super::pop(&mut heap).expect("not empty").number);
            order.extend(popped);
        }
        assert!(super::pop(&mut heap).is_none());
        // By `heapq.heappush` and `heappop` of CPython 3.13.
        let cpythons = [
            0, 5, 10, 20, 15, 13, 23, 3, 18, 8, 6, 11, 25, 28, 21, 26, 1, 16, 14, 19, 4, 24, 9, 29,
            17, 2, 7, 27, 22, 12,
        ];
        assert_eq!(order, cpythons);
    }
}
