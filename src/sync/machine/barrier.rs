//! `asyncio.Barrier` without its future and without its condition: how many are inside, and
//! whether it fills. What a transition changes, the condition is notified of.

/// What those inside wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    parties: usize,
    phase: Phase,
    /// The tasks inside.
    count: usize,
}

impl Machine {
    pub(crate) fn new(parties: usize) -> Machine {
        Machine { parties, phase: Phase::Filling, count: 0 }
    }

    pub(crate) fn parties(&self) -> usize {
        self.parties
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_filling(&self) -> bool {
        self.phase == Phase::Filling
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    /// Do those before have to leave first?
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Resetting)
    }

    /// Do those inside leave with an error?
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Resetting | Phase::Broken)
    }

    /// A task comes in; gives how many were there. The last one lets all go: `is_filling` no more.
    pub(crate) fn enter(&mut self) -> usize {
        let index = self.count;
        self.count += 1;
        if self.count == self.parties {
            self.phase = Phase::Draining;
        }
        index
    }

    /// A task leaves, however. Says whether it was the last: then the next ones may come in.
    pub(crate) fn exit(&mut self) -> bool {
        self.count -= 1;
        if self.count == 0 && self.is_busy() {
            self.phase = Phase::Filling;
        }
        self.count == 0
    }

    pub(crate) fn reset(&mut self) {
        self.phase = if self.count > 0 { Phase::Resetting } else { Phase::Filling };
    }

    pub(crate) fn abort(&mut self) {
        self.phase = Phase::Broken;
    }
}
