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
