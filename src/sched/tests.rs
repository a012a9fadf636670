use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;

/// What `scheduler` picks from these menus.
fn picks(scheduler: &mut dyn Scheduler, kind: ChoiceKind, menus: &[u32]) -> Vec<u32> {
    let kernel = Kernel::default();
    menus.iter().map(|&len| scheduler.choose(&Menu::new(kind, len, &kernel))).collect()
}

#[test]
fn the_streams_are_frozen() {
    // Computed by an independent ChaCha8 (RFC 8439's block, 8 rounds, 64-bit stream).
    let mut walk = RandomWalk::new(0, 0);
    let order = picks(&mut walk, ChoiceKind::Order, &[2, 3, 5, 100, 1000, 2, 2, 2]);
    assert_eq!(order, [1, 1, 3, 71, 48, 0, 0, 1]);
    let cancels = picks(&mut walk, ChoiceKind::Cancel, &[3; 12]);
    assert_eq!(cancels, [0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 2]);
    let other = picks(&mut RandomWalk::new(7, 41), ChoiceKind::Order, &[1000; 4]);
    assert_eq!(other, [335, 796, 854, 643]);
}

#[test]
fn a_swarm_is_the_random_walk_without_some_faults() {
    // Bits 1, 2 and 4 of the first draw of the stream u64::MAX, by the same independent ChaCha8.
    let without_cancels = [0, 0, 0, 1, 0, 1, 1, 0].map(|bit| bit == 1);
    let without_slips = [0, 1, 1, 1, 0, 1, 0, 1].map(|bit| bit == 1);
    let without_polls = [0, 0, 1, 1, 1, 1, 0, 0].map(|bit| bit == 1);
    let report = RunReport { steps: 1, choices: 1, digest: Digest::default(), passed: true };
    let mut swarm = Swarm::new(0, 0);
    for run in 0..8 {
        let last = (run > 0).then_some(&report);
        assert_eq!(swarm.next_run(last), Some(RunPlan { run }));
        for kind in ChoiceKind::ALL {
            let walks = picks(&mut RandomWalk::new(0, run), kind, &[3; 50]);
            let without = match kind {
                ChoiceKind::Cancel => without_cancels[run as usize],
                ChoiceKind::Slip => without_slips[run as usize],
                ChoiceKind::SpuriousPoll => without_polls[run as usize],
                _ => false,
            };
            let expected = if without { vec![0; 50] } else { walks };
            assert_eq!(picks(&mut swarm, kind, &[3; 50]), expected, "{kind:?} in run {run}");
        }
    }
}

#[test]
fn a_kind_of_choice_does_not_disturb_another() {
    let menus = [1000; 8];
    let alone = picks(&mut RandomWalk::new(3, 4), ChoiceKind::Order, &menus);
    let mut walk = RandomWalk::new(3, 4);
    picks(&mut walk, ChoiceKind::Slip, &[2; 100]);
    assert_eq!(picks(&mut walk, ChoiceKind::Order, &menus), alone);
}

#[test]
fn a_run_depends_on_seed_and_number_alone() {
    let mut walk = RandomWalk::new(5, 0);
    let report = RunReport { steps: 1, choices: 1, digest: Digest::default(), passed: true };
    assert_eq!(walk.next_run(None), Some(RunPlan { run: 0 }));
    picks(&mut walk, ChoiceKind::Order, &[7; 33]);
    assert_eq!(walk.next_run(Some(&report)), Some(RunPlan { run: 1 }));
    let later = picks(&mut walk, ChoiceKind::Order, &[1000; 8]);
    assert_eq!(later, picks(&mut RandomWalk::new(5, 1), ChoiceKind::Order, &[1000; 8]));
}

#[test]
fn the_reduction_is_uniform() {
    let mut stream = ChaCha8Rng::from_seed([1; 32]);
    let mut counts = [0_u32; 7];
    for _ in 0..70_000 {
        counts[random::below(&mut stream, 7) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
}
