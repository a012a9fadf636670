//! A place in the tree of orders.

use super::super::{Footprint, InStep, Step, StepId};

/// A place in the tree of orders: what may run there, and what has.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) enabled: Vec<StepId>,
    /// Owners whose step here leads only to what has been seen, with what that step touches.
    sleep: Vec<(u64, Footprint)>,
    /// Owners whose step here has been followed, or is by now somebody else's to follow.
    done: Vec<(u64, Footprint)>,
    /// Owners to follow, first to last, those that are done among them.
    todo: Vec<u64>,
    /// The owner that is followed now.
    pub(super) current: Option<u64>,
    /// What to choose inside its step; beyond it the first of each menu.
    script: Vec<u32>,
    /// What was chosen inside it in the last run.
    taken: Vec<InStep>,
    /// What its step touches, whatever is chosen inside.
    touches: Footprint,
}

impl Node {
    /// A place where the search has not been, after the parent's step. None if nothing new can come
    /// of it.
    pub(super) fn new(
        enabled: &[StepId],
        parent: Option<(&Node, &Step)>,
        sleeps: bool,
        races: bool,
    ) -> Option<Node> {
        let sleep = match parent {
            Some((parent, step)) if sleeps => parent.asleep_after(step),
            _ => Vec::new(),
        };
        let awake = |step: &&StepId| !sleep.iter().any(|(owner, _)| *owner == step.owner);
        let first = enabled.iter().find(awake)?.owner;
        let todo = match races {
            true => vec![first],
            false => enabled.iter().filter(awake).map(|step| step.owner).collect(),
        };
        Some(Node {
            enabled: enabled.to_vec(),
            sleep,
            done: Vec::new(),
            todo,
            current: Some(first),
            script: Vec::new(),
            taken: Vec::new(),
            touches: Footprint::default(),
        })
    }

    /// What to choose at this place inside the current step.
    pub(super) fn inside(&self, at: usize) -> u32 {
        self.script.get(at).copied().unwrap_or(0)
    }

    /// The current step has run.
    pub(super) fn ran(&mut self, step: &Step) {
        self.taken.clone_from(&step.choices);
        self.touches.add(&step.footprint);
    }

    fn sleeps(&self, owner: u64) -> bool {
        self.sleep.iter().any(|(other, _)| *other == owner)
    }

    /// What the owner's step here touches, if it has run here or is known from elsewhere.
    pub(super) fn known(&self, owner: u64) -> Option<&Footprint> {
        let known = self.sleep.iter().chain(&self.done).find(|(other, _)| *other == owner);
        known.map(|(_, footprint)| footprint)
    }

    /// Whom to follow here so that one of these is followed. None if one of them is, or sleeps.
    pub(super) fn missing(&self, begins: &[u64]) -> Option<u64> {
        let is_covered = self.todo.iter().any(|owner| begins.contains(owner))
            || begins.iter().any(|&owner| self.sleeps(owner));
        if is_covered {
            return None;
        }
        let is_enabled = |owner: &&u64| self.enabled.iter().any(|step| step.owner == **owner);
        begins.iter().find(is_enabled).copied()
    }

    pub(super) fn follow(&mut self, owner: Option<u64>) {
        self.todo.extend(owner);
    }

    /// The next values to choose inside the current step: an odometer over its menus.
    fn next_script(&self) -> Option<Vec<u32>> {
        self.current?;
        let at = self.taken.iter().rposition(|choice| choice.value + 1 < choice.menu)?;
        let mut script = self.script_taken();
        script.truncate(at + 1);
        script[at] += 1;
        Some(script)
    }

    fn script_taken(&self) -> Vec<u32> {
        self.taken.iter().map(|choice| choice.value).collect()
    }

    fn next_owner(&self) -> Option<u64> {
        let is_done = |owner: &u64| {
            self.current == Some(*owner) || self.done.iter().any(|(other, _)| other == owner)
        };
        self.todo.iter().find(|owner| !is_done(owner) && !self.sleeps(**owner)).copied()
    }

    /// Is something left to follow here?
    pub(super) fn has_more(&self) -> bool {
        self.next_script().is_some() || self.next_owner().is_some()
    }

    /// Goes on to what is to be followed next. False if there is nothing left.
    pub(super) fn advance(&mut self) -> bool {
        if let Some(script) = self.next_script() {
            self.script = script;
            return true;
        }
        if let Some(current) = self.current.take() {
            self.done.push((current, std::mem::take(&mut self.touches)));
        }
        self.current = self.next_owner();
        self.script.clear();
        self.taken.clear();
        self.current.is_some()
    }

    /// The way that the last run took from here.
    pub(super) fn way(&self) -> Way {
        Way { owner: self.current, script: self.script_taken() }
    }

    /// This place, passed in that way.
    pub(super) fn passed(mut self, way: &Way) -> Node {
        (self.current, self.script) = (way.owner, way.script.clone());
        self
    }

    /// Who sleeps after a step of this place: whoever slept, or was followed before it, and is
    /// independent of it.
    fn asleep_after(&self, step: &Step) -> Vec<(u64, Footprint)> {
        let others = self.sleep.iter().chain(&self.done);
        let kept = others.filter(|(owner, touches)| {
            *owner != step.id.owner && !touches.conflicts(&step.footprint)
        });
        kept.cloned().collect()
    }
}

/// How a place is left: by whose step, and with which choices inside.
#[derive(Clone)]
pub(super) struct Way {
    owner: Option<u64>,
    script: Vec<u32>,
}
