//! What the scheduler is asked: which handle runs, whether something goes wrong.

use super::Core;
use crate::{
    exec::steps::Shared,
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
        if self.cancellations_left == 0 {
            return 0;
        }
        let doom = self.choose(ChoiceKind::Cancel, 3);
        self.cancellations_left -= u32::from(doom != 0);
        self.cancellations += u32::from(doom != 0);
        if doom != 0 {
            self.touch_shared(Shared::Budget, Access::Write);
            self.name_doom(task);
        }
        doom
    }

    /// From here on no cancellation and no slip is injected.
    pub(in crate::exec) fn inject_nothing(&mut self) {
        (self.cancellations_left, self.slips_left) = (0, 0);
    }

    /// The tasks that a clock step may doom.
    pub(crate) fn doomable(&self) -> Vec<TaskId> {
        if self.cancellations_left == 0 { Vec::new() } else { self.live_tasks() }
    }

    /// Between two steps of a search: the first ends, with the clock's slip if there is one.
    pub(in crate::exec) fn between_steps(&mut self) {
        if self.slips_left > 0 {
            // Whether there is one to ask for depends on every timer.
            self.touch_all();
            self.ask_slip();
        }
        self.end_watched_step();
    }

    /// May the clock advance although something is ready?
    #[inline(always)]
    pub(crate) fn choose_slip(&mut self) {
        if self.slips_left > 0 {
            self.ask_slip();
        }
    }

    fn ask_slip(&mut self) {
        let later = self.kernel.next_deadline().is_some_and(|at| at > self.kernel.now());
        if later && self.choose(ChoiceKind::Slip, 2) == 1 {
            self.slips_left -= 1;
            self.slips += 1;
            self.kernel.slip();
            self.note_clock(Kind::Slip);
        }
    }
}
