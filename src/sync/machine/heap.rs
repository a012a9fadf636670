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
