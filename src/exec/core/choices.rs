//! What the scheduler is asked: which handle runs, whether something goes wrong.

use super::{Core, Faults};
use crate::{
    exec::{record::Thing, steps::Shared},
    kernel::TaskId,
    sched::{Access, ChoiceKind, Menu},
    trace::{Kind, Pick},
};

impl Core {
    /// Asks the scheduler. A menu of one is never asked.
    #[inline(always)]
    pub(crate) fn choose(&mut self, kind: ChoiceKind, len: u32) -> u32 {
        if len < 2 {
            return 0;
        }
        let value = self.scheduler.choose(&Menu::new(kind, len, &self.kernel));
        if let Some(log) = &mut self.steps {
            log.chose(kind, len, value);
        }
        let index = self.choices;
        self.choices += 1;
        if value != 0 || self.expect.is_some() {
            self.chosen(Pick { index, kind: kind.letter(), value, menu: len });
        }
        value
    }

    pub(in crate::exec) fn chosen(&mut self, pick: Pick) {
        let Pick { value, menu, .. } = pick;
        assert!(value < menu, "the scheduler picked {value} from a menu of {menu}");
        if let Some(expect) = &mut self.expect {
            expect.chose(pick, self.recorder.checks.steps + 1);
        }
        if value != 0 {
            self.picks.push(pick);
        }
    }

    /// May a cancellation be injected into this task now? Gives 0 no, 1 cancel, 2 abort.
    pub(crate) fn choose_doom(&mut self, task: TaskId) -> u32 {
        if self.settings.cancellations == 0 || self.kernel.has_ended(task) {
            return 0;
        }
        let offered = self.tasks.get(task.index()).is_some_and(|info| info.offered);
        if !offered {
            return 0;
        }
        self.touch_shared(Shared::Budget, Access::Read);
        if self.left.cancellations == 0 {
            return 0;
        }
        let doom = self.choose(ChoiceKind::Cancel, 3);
        if doom != 0 {
            self.left.cancellations -= 1;
            self.injected.cancellations += 1;
            self.touch_shared(Shared::Budget, Access::Write);
            self.name_fault(ChoiceKind::Cancel, task);
        }
        doom
    }

    /// Is this task to be polled once more although nothing wakes it? Then it is ready from here
    /// on, as if it had been woken.
    pub(in crate::exec) fn choose_spurious_poll(&mut self, task: TaskId) {
        if self.settings.spurious_polls == 0 || !self.kernel.is_parked(task) {
            return;
        }
        self.touch_shared(Shared::SpuriousPolls, Access::Read);
        if self.left.spurious_polls > 0 && self.choose(ChoiceKind::SpuriousPoll, 2) == 1 {
            self.left.spurious_polls -= 1;
            self.injected.spurious_polls += 1;
            self.touch_shared(Shared::SpuriousPolls, Access::Write);
            self.name_fault(ChoiceKind::SpuriousPoll, task);
            self.note(Kind::SpuriousPoll, Thing::Task(task), 0);
            self.kernel.wake(task);
        }
    }

    /// From here on nothing is injected.
    pub(in crate::exec) fn inject_nothing(&mut self) {
        self.left = Faults::default();
    }

    /// The tasks into which something may be injected where the clock has moved.
    pub(in crate::exec) fn injectable(&self) -> Vec<TaskId> {
        match self.left {
            Faults { cancellations: 0, spurious_polls: 0, .. } => Vec::new(),
            _ => self.live_tasks(),
        }
    }

    /// Between two steps of a search: the first ends, with the clock's slip if there is one.
    pub(in crate::exec) fn between_steps(&mut self) {
        if self.left.slips > 0 {
            // Whether there is one to ask for depends on every timer.
            self.touch_all();
            self.ask_slip();
        }
        self.end_watched_step();
    }

    /// May the clock advance although something is ready?
    #[inline(always)]
    pub(crate) fn choose_slip(&mut self) {
        if self.left.slips > 0 {
            self.ask_slip();
        }
    }

    fn ask_slip(&mut self) {
        let later = self.kernel.next_deadline().is_some_and(|at| at > self.kernel.now());
        if later && self.choose(ChoiceKind::Slip, 2) == 1 {
            self.left.slips -= 1;
            self.injected.slips += 1;
            self.kernel.slip();
            self.note_clock(Kind::Slip);
        }
    }
}
