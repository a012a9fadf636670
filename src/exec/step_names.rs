//! The steps of a run by their names, for texts and tokens. Kept only if a run is to be explained.

use std::{collections::BTreeMap, sync::Arc};

use super::{core::Core, record::Thing};
use crate::{
    kernel::{Handle, TaskId},
    sched::{ChoiceKind, Place, StepId},
    trace::StepName,
};

/// How the owner of steps is called.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    path: Arc<str>,
    label: Arc<str>,
}

impl Owner {
    pub(super) fn new(path: String, label: Arc<str>) -> Owner {
        Owner { path: path.into(), label }
    }
}

/// What the steps of a run are called, and in which order they ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepNames {
    /// Those of earlier runs in the same memory, too.
    owners: BTreeMap<u64, Owner>,
    /// The steps that ran, without the clock's: the first is that of the trace's step 1.
    order: Vec<StepId>,
    /// Into which task a cancellation was injected.
    faults: BTreeMap<Place, Arc<str>>,
}

impl StepNames {
    /// Another run begins: who owns steps is remembered.
    pub(super) fn reset(&mut self) {
        self.order.clear();
        self.faults.clear();
    }

    /// Learns who owns steps in another run.
    #[cfg(feature = "proptest")]
    pub(crate) fn learn(&mut self, other: StepNames) {
        self.owners.extend(other.owners);
    }

    /// The step's name in tokens.
    pub(crate) fn name(&self, step: StepId) -> Option<StepName> {
        let path = match step {
            StepId::START => "main".into(),
            _ if step.is_clock() => "clock".into(),
            _ => self.owners.get(&step.owner)?.path.clone(),
        };
        Some(StepName::new(path, step.owner, step.ordinal))
    }

    /// What the step's owner is called in traces.
    pub(crate) fn label(&self, step: StepId) -> Option<&Arc<str>> {
        self.owners.get(&step.owner).map(|owner| &owner.label)
    }

    /// Has no other owner of steps this label?
    pub(crate) fn is_alone(&self, label: &str) -> bool {
        self.owners.values().filter(|owner| *owner.label == *label).count() < 2
    }

    /// The trace's number of a step, if it ran.
    pub(crate) fn number(&self, step: StepId) -> Option<u64> {
        self.order.iter().position(|&ran| ran == step).map(|at| at as u64 + 1)
    }

    /// Into which task a cancellation was injected there.
    pub(crate) fn hit(&self, place: Place) -> Option<&Arc<str>> {
        self.faults.get(&place)
    }
}

impl Core {
    /// These handles are ready, and those beside the loop: steps by these names.
    pub(super) fn know_owners(&mut self, steps: &[StepId]) {
        if self.step_names.is_none() {
            return;
        }
        for (at, step) in steps.iter().enumerate() {
            let known = self
                .step_names
                .as_ref()
                .is_some_and(|names| names.owners.contains_key(&step.owner));
            if !known && let Some(owner) = self.owner(at) {
                self.step_names.as_mut().expect("just seen").owners.insert(step.owner, owner);
            }
        }
    }

    fn owner(&self, ready: usize) -> Option<Owner> {
        let Some(handle) = self.kernel.ready(ready) else {
            return self.beside.owner(ready - self.kernel.ready_len());
        };
        let (path, label) = match handle {
            Handle::Step(task) => {
                let info = self.known(task)?;
                let path = if info.path.is_root() { "main".into() } else { info.path.to_string() };
                (path, info.label())
            }
            Handle::Call(call) => {
                let object = &self.calls.get(call.index())?.object;
                (object.path().to_string(), object.label())
            }
        };
        Some(Owner { path: path.into(), label })
    }

    /// This step runs.
    pub(super) fn name_step(&mut self, step: StepId) {
        if let Some(names) = &mut self.step_names {
            names.order.push(step);
        }
    }

    /// Something was injected into a task, by the last choice of the step that runs.
    pub(crate) fn name_fault(&mut self, kind: ChoiceKind, task: TaskId) {
        let Some((step, chosen)) = self.steps.as_ref().map(|log| log.inside()) else { return };
        let asked = chosen.iter().filter(|choice| choice.kind == kind).count();
        let index = (asked as u32).saturating_sub(1);
        let label = self.label_of(Thing::Task(task));
        if let (Some(names), Some(label)) = (&mut self.step_names, label) {
            names.faults.insert(Place { step, kind, index }, label);
        }
    }
}
