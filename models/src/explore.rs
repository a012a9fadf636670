//! Breadth-first search through all the states of a model. What it finds first is a shortest way
//! to break a property.

use std::{
    collections::{HashSet, VecDeque},
    fmt::Debug,
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The property that is broken, if one is.
pub(crate) type Broken = Result<(), String>;

/// Gives `what` as broken, unless it holds.
pub(crate) fn expect(holds: bool, what: &str) -> Broken {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// What a model may do next, and what must hold.
pub(crate) trait Model {
    type State: Clone;
    /// What two states have in common that behave alike from here on.
    type Key: Eq + Hash;
    type Action: Copy + Debug;

    fn start(&self) -> Self::State;
    fn key(&self, state: &Self::State) -> Self::Key;
    fn actions(&self, state: &Self::State) -> Vec<Self::Action>;
    /// Takes an action, and says which property that breaks. A panic breaks one too.
    fn act(&self, state: &mut Self::State, action: Self::Action) -> Broken;
}

/// What a search has seen.
#[derive(Debug)]
pub(crate) struct Explored<A> {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// What is broken, after a shortest list of actions.
    pub(crate) broken: Option<(String, Vec<A>)>,
}

/// Visits every state that can be reached.
pub(crate) fn explore<M: Model>(model: &M) -> Explored<M::Action> {
    let start = model.start();
    let mut seen = HashSet::from([model.key(&start)]);
    // By the number of a state: its parent, and the action between the two.
    let mut links: Vec<Option<(usize, M::Action)>> = vec![None];
    let mut front = VecDeque::from([(0, start)]);
    let mut transitions = 0;
    while let Some((at, state)) = front.pop_front() {
        for action in model.actions(&state) {
            transitions += 1;
            let mut next = state.clone();
            let link = Some((at, action));
            let acted = catch_unwind(AssertUnwindSafe(|| model.act(&mut next, action)));
            if let Err(what) = acted.unwrap_or_else(|_| Err("an assertion fails".into())) {
                let broken = Some((what, path(&links, link)));
                return Explored { states: links.len(), transitions, broken };
            }
            if seen.insert(model.key(&next)) {
                front.push_back((links.len(), next));
                links.push(link);
            }
        }
    }
    Explored { states: links.len(), transitions, broken: None }
}

/// The actions from the start to the end of `link`.
fn path<A: Copy>(links: &[Option<(usize, A)>], mut link: Option<(usize, A)>) -> Vec<A> {
    let mut actions = Vec::new();
    while let Some((parent, action)) = link {
        actions.push(action);
        link = links[parent];
    }
    actions.reverse();
    actions
}
