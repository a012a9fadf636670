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
