use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::*;

fn zero(kernel: &mut Kernel) -> Handle {
    if kernel.iteration_over() {
        kernel.begin_iteration();
    }
    kernel.check_all();
    kernel.take(0)
}

/// Steps `task`, which then waits for `on`.
fn step_waiting(kernel: &mut Kernel, task: TaskId, on: Option<FutureId>) -> Option<u32> {
    assert_eq!(kernel.begin_step(task), Entry::Poll);
    let mut since = None;
    assert_eq!(kernel.poll_await(task, on, &mut since), Answer::Pending);
    kernel.end_step(task, Exit::Pending);
    kernel.check_all();
    since
}

#[test]
fn handles_run_in_order_and_wait_for_the_next_iteration() {
    let mut kernel = Kernel::default();
    let (a, b) = (kernel.spawn(), kernel.spawn());
    assert_eq!(zero(&mut kernel), Handle::Step(a));
    step_waiting(&mut kernel, a, None);
    assert_eq!((kernel.iteration(), zero(&mut kernel)), (1, Handle::Step(b)));
    assert_eq!(kernel.begin_step(b), Entry::Poll);
    kernel.end_step(b, Exit::Ended(End::Finished));
    assert!(kernel.iteration_over());
    assert_eq!((zero(&mut kernel), kernel.iteration()), (Handle::Step(a), 2));
}

#[test]
fn timers_of_one_instant_fire_in_order_of_registration() {
    let mut kernel = Kernel::default();
    let late = kernel.arm(20, Action::Closure);
    let (one, two) = (kernel.arm(10, Action::Closure), kernel.arm(10, Action::Closure));
    assert_eq!(kernel.begin_iteration(), Turn::Advanced);
    assert_eq!(
        (kernel.now(), kernel.take(0), kernel.take(0)),
        (10, Handle::Call(one), Handle::Call(two))
    );
    assert_eq!(kernel.next_deadline(), Some(20));
    assert!(kernel.cancel_call(late));
    assert_eq!(kernel.begin_iteration(), Turn::Idle);
    assert_eq!(kernel.now(), 10);
}

#[test]
fn a_cancel_reaches_the_awaited_future() {
    let mut kernel = Kernel::default();
    let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    zero(&mut kernel);
    let mut since = step_waiting(&mut kernel, task, Some(future));
    assert!(kernel.cancel_task(task, &Some("why".into())));
    assert_eq!(kernel.state(future), State::Cancelled);
    assert_eq!(zero(&mut kernel), Handle::Step(task));
    assert_eq!(kernel.begin_step(task), Entry::Poll);
    assert_eq!(kernel.poll_await(task, Some(future), &mut since), Answer::Done);
    assert_eq!(kernel.take_message(future).as_deref(), Some("why"));
}

#[test]
fn a_cancel_after_the_wake_is_told_and_the_value_lost() {
    let mut kernel = Kernel::default();
    let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    zero(&mut kernel);
    let mut since = step_waiting(&mut kernel, task, Some(future));
    assert!(kernel.resolve(future, State::Finished));
    assert!(kernel.cancel_task(task, &None));
    zero(&mut kernel);
    assert_eq!(kernel.begin_step(task), Entry::Poll);
    assert_eq!(kernel.poll_await(task, Some(future), &mut since), Answer::Told(None));
}

#[test]
fn a_cancel_before_the_first_step_never_runs_the_body() {
    let mut kernel = Kernel::default();
    let task = kernel.spawn();
    assert!(kernel.cancel_task(task, &None));
    zero(&mut kernel);
    assert_eq!(kernel.begin_step(task), Entry::Drop(None));
}

#[test]
fn a_cancelled_handle_stays_as_a_no_op() {
    let mut kernel = Kernel::default();
    let call = kernel.call_soon(Action::Closure);
    assert!(kernel.cancel_call(call));
    assert_eq!(zero(&mut kernel), Handle::Call(call));
    assert_eq!(kernel.begin_call(call), None);
}

#[test]
fn equal_histories_give_equal_values() {
    let history = |holes: usize| {
        let mut kernel = Kernel::default();
        for _ in 0..holes {
            let call = kernel.call_soon(Action::Closure);
            kernel.take(0);
            kernel.begin_call(call);
        }
        kernel.call_soon(Action::Closure);
        kernel.ready
    };
    assert_eq!(history(0).len(), history(3).len());
}

#[test]
fn the_kth_of_many_is_the_kth_of_a_plain_list() {
    let mut kernel = Kernel::default();
    let mut list: Vec<Handle> = Vec::new();
    let mut dice = 12_345_u64;
    for round in 0..20_000 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = (dice >> 33) as usize;
        let grow = if round < 10_000 { 3 } else { 1 };
        if list.is_empty() || draw % 4 < grow {
            list.push(Handle::Call(kernel.call_soon(Action::Closure)));
        } else {
            let at = (draw / 4) % list.len();
            assert_eq!(kernel.ready(at), Some(list[at]));
            let Handle::Call(call) = kernel.take(at) else { unreachable!() };
            assert_eq!(list.remove(at), Handle::Call(call));
            kernel.begin_call(call);
        }
        assert_eq!(kernel.ready_len(), list.len());
    }
}

/// A task that waits for a timer's future, after `turns` turns of its own at `start`.
fn sleeper(start: u64, turns: usize, garbage: usize) -> Kernel {
    let mut kernel = Kernel::default();
    for _ in 0..garbage {
        let call = kernel.arm(1, Action::Closure);
        kernel.cancel_call(call);
        let future = kernel.future_new(OnCancel::Itself);
        kernel.future_release(future);
    }
    kernel.busy(start);
    let task = kernel.spawn();
    for _ in 0..turns {
        zero(&mut kernel);
        let since = step_waiting(&mut kernel, task, None);
        kernel.begin_iteration();
        kernel.take(0);
        assert_eq!(kernel.begin_step(task), Entry::Poll);
        let mut again = since;
        assert_eq!(kernel.poll_await(task, None, &mut again), Answer::Done);
        kernel.end_await(task, None, since.unwrap());
        kernel.wake(task);
        kernel.end_step(task, Exit::Pending);
    }
    zero(&mut kernel);
    let future = kernel.future_new(OnCancel::Itself);
    kernel.arm(start + 10, Action::Resolve(future));
    step_waiting(&mut kernel, task, Some(future));
    kernel
}

#[test]
fn states_that_behave_alike_are_canonically_equal() {
    let one = sleeper(0, 1, 0);
    for (start, turns, garbage) in [(1_000, 1, 0), (0, 5, 0), (7, 2, 9)] {
        let other = sleeper(start, turns, garbage);
        assert_ne!(one, other);
        assert_eq!(one.canonical(), other.canonical());
    }
    let mut cancelled = sleeper(0, 1, 0);
    let task = cancelled.live_tasks()[0];
    cancelled.cancel_task(task, &None);
    assert_ne!(one.canonical(), cancelled.canonical());
}

/// A task whose step is ready, and the way into it.
fn task_of(kernel: &mut Kernel) -> (TaskId, &mut tasks::Task) {
    let task = kernel.spawn();
    (task, kernel.tasks.get_mut(task.0).unwrap())
}

#[test]
#[should_panic(expected = "is queued twice")]
fn a_step_that_is_ready_twice_is_seen() {
    let mut kernel = Kernel::default();
    let (task, _) = task_of(&mut kernel);
    kernel.ready.push(Handle::Step(task));
    kernel.check_all();
}

#[test]
#[should_panic(expected = "says queued: false")]
fn a_task_that_does_not_know_of_its_step_is_seen() {
    let mut kernel = Kernel::default();
    task_of(&mut kernel).1.queued = false;
    kernel.check_all();
}

#[test]
#[should_panic(expected = "is armed")]
fn a_timer_that_is_due_at_another_time_is_seen() {
    let mut kernel = Kernel::default();
    let call = kernel.arm(10, Action::Closure);
    kernel.calls.get_mut(call.0).unwrap().place = calls::Place::Armed(11, 0);
    kernel.check_all();
}

#[test]
#[should_panic(expected = "2 tasks run at once")]
fn two_running_tasks_are_seen() {
    let mut kernel = Kernel::default();
    for _ in 0..2 {
        task_of(&mut kernel).1.running = true;
    }
    kernel.check_all();
}

#[test]
#[should_panic(expected = "parks a pending cancel")]
fn a_cancel_that_nothing_will_deliver_is_seen() {
    let mut kernel = Kernel::default();
    let task = kernel.spawn();
    zero(&mut kernel);
    step_waiting(&mut kernel, task, None);
    zero(&mut kernel);
    let entry = kernel.tasks.get_mut(task.0).unwrap();
    (entry.queued, entry.must_cancel) = (false, Some(None));
    kernel.check_all();
}

#[test]
#[should_panic(expected = "which does not know")]
fn a_lost_wake_up_is_seen() {
    let mut kernel = Kernel::default();
    let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    zero(&mut kernel);
    step_waiting(&mut kernel, task, Some(future));
    kernel.remove_wake(future, task);
    kernel.check_all();
}

#[test]
fn a_large_state_is_checked_now_and_then() {
    let mut kernel = Kernel::default();
    (0..65).for_each(|_| task_of(&mut kernel).1.queued = false);
    kernel.check(4_095);
}

#[test]
#[should_panic(expected = "says queued: false")]
fn a_large_state_is_checked_every_4096_steps() {
    let mut kernel = Kernel::default();
    (0..65).for_each(|_| task_of(&mut kernel).1.queued = false);
    kernel.check(4_096);
}

#[test]
#[should_panic(expected = "says queued: false")]
fn a_small_state_is_checked_in_every_step() {
    let mut kernel = Kernel::default();
    (0..64).for_each(|_| task_of(&mut kernel).1.queued = false);
    kernel.check(4_095);
}

#[test]
fn the_message_of_a_cancel_is_part_of_the_state() {
    let told = |message: &str| {
        let mut kernel = sleeper(0, 1, 0);
        let task = kernel.live_tasks()[0];
        kernel.cancel_task(task, &Some(message.into()));
        kernel.canonical()
    };
    assert_eq!(told("why"), told("why"));
    assert_ne!(told("why"), told("who"));
}

#[test]
fn a_slip_goes_to_what_is_not_yet_due() {
    let mut kernel = Kernel::default();
    assert!(!kernel.slip(), "there is no timer");
    kernel.arm(0, Action::Closure);
    assert!(!kernel.slip() && kernel.ready_len() == 0, "the timer waits for the next iteration");
    kernel.begin_iteration();
    kernel.arm(10, Action::Closure);
    assert!(kernel.slip());
    assert_eq!((kernel.now(), kernel.ready_len(), kernel.iteration()), (10, 2, 1));
}

/// Steps of so many tasks.
fn handles(count: usize) -> Vec<Handle> {
    let mut kernel = Kernel::default();
    (0..count).map(|_| Handle::Step(kernel.spawn())).collect()
}

fn queue(handles: &[Handle]) -> Ready {
    let mut queue = Ready::default();
    handles.iter().for_each(|&handle| queue.push(handle));
    queue
}

#[test]
fn queues_are_equal_by_their_handles_and_their_batch() {
    let hash = |queue: &Ready| {
        let mut hasher = DefaultHasher::new();
        queue.hash(&mut hasher);
        hasher.finish()
    };
    let handles = handles(4);
    let [a, b, c, hole] = handles[..] else { unreachable!() };
    let one = queue(&[a, b]);
    let mut holed = queue(&[hole, a, hole, b]);
    holed.take(2);
    holed.take(0);
    assert!(one == holed && hash(&one) == hash(&holed));
    let mut begun = one.clone();
    begun.begin_batch();
    for other in [queue(&[b, a]), queue(&[a]), queue(&[a, b, c]), begun] {
        assert!(one != other && hash(&one) != hash(&other), "{one:?} {other:?}");
    }
}

#[test]
fn a_pick_finds_its_handle_behind_whole_words_of_holes() {
    for head in [0, 1, 63, 64, 65, 200, 4_095, 4_096, 5_000] {
        let handles = handles(head + 300);
        let mut queue = queue(&handles);
        let mut left = handles.clone();
        // A hole right behind the head, and the head's move up to it.
        assert_eq!(queue.take(head), Some(left.remove(head)));
        left.drain(..head).for_each(|first| assert_eq!(queue.take(0), Some(first)));
        for (at, &handle) in left.iter().enumerate() {
            assert_eq!(queue.get(at), Some(handle), "{at} of those behind {head}");
        }
        assert_eq!(queue.get(left.len()), None);
    }
}

#[test]
fn a_queue_is_a_list_from_which_any_is_taken() {
    let handles = handles(2_000);
    // Few handles are moved, many are counted, and the queue grows and shrinks through both.
    for (most, seed) in [(3, 1), (60, 2), (140, 3), (400, 4), (400, 5)] {
        let (mut queue, mut list, mut batch) = (Ready::default(), Vec::new(), 0);
        let mut next = handles.iter().copied().cycle();
        let mut chance = seed * 0x9E37_79B9_u64;
        for _ in 0..5_000 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (what, pick) = (chance >> 60, (chance >> 33) as usize % most);
            match what {
                0..=7 if list.len() < most => {
                    let handle = next.next().expect("without end");
                    queue.push(handle);
                    list.push(handle);
                }
                15 => {
                    queue.begin_batch();
                    batch = list.len();
                }
                _ => {
                    let pick = if what.is_multiple_of(2) { 0 } else { pick };
                    let taken = (pick < list.len()).then(|| list.remove(pick));
                    assert_eq!(queue.take(pick), taken);
                    batch -= usize::from(taken.is_some() && pick < batch);
                }
            }
            assert_eq!((queue.len(), queue.batch_len()), (list.len(), batch));
            assert_eq!(queue.get(pick), list.get(pick).copied());
        }
        assert!(queue.iter().eq(list));
    }
}

#[test]
fn a_slab_counts_its_values() {
    let mut slab = Slab::default();
    let keys = [0, 1, 2].map(|value| slab.insert(value));
    assert_eq!(slab.len(), 3);
    slab.remove(keys[1]);
    assert_eq!((slab.len(), slab.iter().count()), (2, 2));
    slab.clear();
    assert_eq!((slab.len(), slab.iter().count()), (0, 0));
}

#[test]
fn a_call_is_scheduled_until_it_is_cancelled_or_runs() {
    let mut kernel = Kernel::default();
    let calls = [(); 3].map(|()| kernel.call_soon(Action::Closure));
    let timer = kernel.arm(10, Action::Closure);
    kernel.cancel_call(calls[0]);
    kernel.cancel_call(timer);
    kernel.take(1);
    kernel.begin_call(calls[1]);
    let scheduled = [calls[0], calls[1], calls[2], timer].map(|call| kernel.is_scheduled(call));
    assert_eq!(scheduled, [false, false, true, false]);
}

#[test]
fn a_future_keeps_the_message_of_its_own_cancel_only() {
    let mut kernel = Kernel::default();
    let why: Message = Some("why".into());
    let future = kernel.future_new(OnCancel::Itself);
    kernel.cancel(future, &why);
    assert_eq!(
        (kernel.own_message(future), kernel.take_message(future)),
        (why.clone(), why.clone())
    );
    let task = kernel.spawn();
    zero(&mut kernel);
    kernel.begin_step(task);
    kernel.end_step(task, Exit::Ended(End::Cancelled(why.clone())));
    let future = kernel.future_of(task).unwrap();
    assert_eq!(kernel.own_message(future), None);
    assert_eq!([(); 2].map(|()| kernel.take_message(future)), [why, None]);
}

#[test]
fn requests_and_flags_of_a_task_are_part_of_the_state() {
    let changes: [fn(&mut Kernel, TaskId); 6] = [
        |_, _| (),
        |kernel, task| kernel.count_cancel(task),
        |kernel, task| assert!(kernel.abort(task)),
        |kernel, task| assert!(kernel.cancel_task(task, &None)),
        |kernel, task| assert!(kernel.cancel_task(task, &Some("why".into()))),
        |kernel, task| assert!(kernel.cancel_task(task, &Some("who".into()))),
    ];
    let states = changes.map(|change| {
        let mut kernel = Kernel::default();
        let task = kernel.spawn();
        zero(&mut kernel);
        kernel.begin_step(task);
        change(&mut kernel, task);
        kernel.canonical()
    });
    assert_eq!(BTreeSet::from(states).len(), changes.len());
}

#[test]
fn live_tasks_are_in_the_order_of_their_creation() {
    let mut kernel = Kernel::default();
    let [first, second] = [(); 2].map(|()| kernel.spawn());
    zero(&mut kernel);
    kernel.begin_step(first);
    kernel.end_step(first, Exit::Ended(End::Finished));
    kernel.task_release(first);
    let third = kernel.spawn();
    assert_eq!(third.index(), first.index(), "it has the place of the first");
    assert_eq!(kernel.live_tasks(), [second, third]);
}

#[test]
fn an_await_that_is_polled_twice_in_its_first_step_still_waits() {
    let mut kernel = Kernel::default();
    let (task, old, new) =
        (kernel.spawn(), kernel.future_new(OnCancel::Itself), kernel.future_new(OnCancel::Itself));
    zero(&mut kernel);
    step_waiting(&mut kernel, task, Some(old));
    kernel.resolve(old, State::Finished);
    kernel.cancel_task(task, &None);
    zero(&mut kernel);
    kernel.begin_step(task);
    for on in [Some(new), None] {
        let mut since = None;
        for _ in 0..2 {
            assert_eq!(kernel.poll_await(task, on, &mut since), Answer::Pending);
        }
    }
    assert_eq!(kernel.await_count(task), 3);
}

#[test]
fn what_nobody_asked_for_is_not_taken_back() {
    let mut kernel = Kernel::default();
    let task = kernel.spawn();
    assert_eq!((kernel.uncancel(task), kernel.cancelling(task)), (0, 0));
}

#[test]
#[cfg(feature = "lockstep")]
fn a_view_counts_its_entries() {
    let mut kernel = Kernel::default();
    assert!(kernel.view().is_empty());
    for _ in 0..2 {
        kernel.spawn();
    }
    for _ in 0..3 {
        kernel.future_new(OnCancel::Itself);
        kernel.arm(10, Action::Closure);
    }
    kernel.call_soon(Action::Closure);
    let (tasks, futures, calls, ready, timers) = (2, 2 + 3, 3 + 1, 2 + 1, 3);
    assert_eq!(kernel.view().len(), tasks + futures + calls + ready + timers);
    assert!(!kernel.view().is_empty());
}

#[test]
fn a_parked_request_is_told_when_what_was_to_deliver_it_is_dropped() {
    let mut kernel = Kernel::default();
    let (task, child) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    kernel.resolve(child, State::Finished);
    let closing = kernel.future_new(OnCancel::Children(vec![child]));
    zero(&mut kernel);
    let since = step_waiting(&mut kernel, task, Some(closing));
    assert!(kernel.cancel_task(task, &None));
    assert!(kernel.must_cancel(task) && kernel.ready_len() == 0, "the gathering would wake it");
    kernel.end_await(task, Some(closing), since.unwrap());
    assert_eq!(zero(&mut kernel), Handle::Step(task));
    assert_eq!(kernel.begin_step(task), Entry::Drop(None));
}
