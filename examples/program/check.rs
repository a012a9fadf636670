//! Refuses a program before anything runs: names that nothing declares, ops in the wrong place,
//! and what is not simulated yet. Says where, and what to do about it.

use std::collections::BTreeSet;

use crate::{
    grammar::{Block, Object, Program},
    op::{Awaitable, Manager, Op},
};

/// Why a program is not run.
pub(crate) enum Refusal {
    Malformed(String),
    NotSimulated(String),
}

pub(crate) fn check(program: &Program) -> Result<(), Refusal> {
    for (coro, block) in &program.coros.0 {
        if let Some(what) = block.0.iter().find_map(not_simulated) {
            return Err(Refusal::NotSimulated(format!("{what} in coro {coro:?})")));
        }
    }
    let mut check = Check { program, names: BTreeSet::new() };
    check.objects().and_then(|()| check.coros()).map_err(Refusal::Malformed)
}

/// `streams (serve` if the op needs streams.
fn not_simulated(op: &Op) -> Option<String> {
    let own = match op {
        Op::Serve => Some("streams (serve"),
        Op::Write => Some("streams (write"),
        Op::WriteEof => Some("streams (write_eof"),
        Op::Close => Some("streams (close"),
        Op::Abort => Some("streams (abort"),
        Op::Limits => Some("streams (limits"),
        Op::StreamState => Some("streams (stream_state"),
        _ => None,
    };
    let awaited = || op.awaitable().and_then(not_simulated_awaitable);
    let inner = || op.blocks().into_iter().flat_map(|block| &block.0).find_map(not_simulated);
    own.map(str::to_owned).or_else(awaited).or_else(inner)
}

fn not_simulated_awaitable(awaitable: &Awaitable) -> Option<String> {
    let streams = matches!(
        awaitable,
        Awaitable::Open
            | Awaitable::Read
            | Awaitable::Readline
            | Awaitable::Readexactly
            | Awaitable::Readuntil
            | Awaitable::Drain
            | Awaitable::WaitClosed
            | Awaitable::ServerWaitClosed
    );
    if streams {
        return Some(format!("streams ({}", awaitable.name()));
    }
    awaitable.parts().into_iter().find_map(not_simulated_awaitable)
}

struct Check<'a> {
    program: &'a Program,
    /// Every name that an object has or, by `with ... as`, may get.
    names: BTreeSet<&'a str>,
}

/// Where an op stands.
#[derive(Clone)]
struct Place {
    path: String,
    in_except: bool,
    in_callback: bool,
}

impl<'a> Check<'a> {
    fn objects(&mut self) -> Result<(), String> {
        let objects = &self.program.objects.0;
        for (place, (name, object)) in objects.iter().enumerate() {
            match object {
                Object::Condition { lock: Some(lock) } => {
                    let earlier = objects[..place].iter().find(|(key, _)| key == lock);
                    if !matches!(earlier, Some((_, Object::Lock {}))) {
                        return Err(format!(
                            "object {name:?}: its lock {lock:?} is no lock: declare \
                             {lock:?} with \"kind\":\"lock\" before {name:?}"
                        ));
                    }
                }
                Object::Executor { workers: 0 } => {
                    return Err(format!("object {name:?}: \"workers\" must be at least 1"));
                }
                _ => {}
            }
            self.names.insert(name);
        }
        for (_, block) in &self.program.coros.0 {
            self.collect(block);
        }
        Ok(())
    }

    fn collect(&mut self, block: &'a Block) {
        for op in &block.0 {
            if let Op::With(with) = op {
                self.names.extend(with.name.as_deref());
            }
            for inner in op.blocks() {
                self.collect(inner);
            }
        }
    }

    fn coros(&self) -> Result<(), String> {
        if self.program.coros.get("main").is_none() {
            return Err("no coro is named \"main\": add it to \"coros\"".to_owned());
        }
        for (name, block) in &self.program.coros.0 {
            let path = format!("coro {name:?}");
            self.block(block, &Place { path, in_except: false, in_callback: false })?;
        }
        Ok(())
    }

    fn block(&self, block: &Block, place: &Place) -> Result<(), String> {
        for (index, op) in block.0.iter().enumerate() {
            let path = format!("{}: op {}", place.path, index + 1);
            self.op(op, &Place { path, ..place.clone() })?;
        }
        Ok(())
    }

    fn op(&self, op: &Op, place: &Place) -> Result<(), String> {
        self.op_itself(op, place).map_err(|problem| format!("{}: {problem}", place.path))?;
        if let Op::Try(op) = op {
            self.block(&op.body, place)?;
            for except in &op.except {
                self.block(&except.body, &Place { in_except: true, ..place.clone() })?;
            }
            self.block(&op.otherwise, place)?;
            return self.block(&op.finally, place);
        }
        let callback = op.is_callback();
        let inner = Place {
            path: place.path.clone(),
            in_except: place.in_except && !callback,
            in_callback: place.in_callback || callback,
        };
        op.blocks().into_iter().try_for_each(|block| self.block(block, &inner))
    }

    fn op_itself(&self, op: &Op, place: &Place) -> Result<(), String> {
        if place.in_callback && op.may_wait() {
            return Err("it may wait, but callbacks cannot: spawn a coro instead".to_owned());
        }
        if let Some(awaitable) = op.awaitable() {
            self.awaitable(awaitable)?;
        }
        match op {
            Op::Reraise {} if !place.in_except => {
                Err("reraise stands outside an except body: use raise".to_owned())
            }
            Op::Spawn { c, .. } | Op::Mkcoro { c, .. } => self.coro(c),
            Op::TgSpawn { o, c, .. } => self.object(o).and_then(|()| self.coro(c)),
            Op::Do { o, .. } | Op::Reschedule { o, .. } => self.object(o),
            Op::With(with) => match &with.cm {
                Manager::Obj { o } | Manager::Again { o } => self.object(o),
                _ => Ok(()),
            },
            Op::CtxSet { var, .. } | Op::CtxGet { var } => match self.program.objects.get(var) {
                Some(Object::Contextvar { .. }) => Ok(()),
                _ => Err(format!("{var:?} is no context variable: declare it in \"objects\"")),
            },
            _ => Ok(()),
        }
    }

    fn awaitable(&self, awaitable: &Awaitable) -> Result<(), String> {
        if let Awaitable::Coro { c } = awaitable {
            self.coro(c)?;
        }
        if let Some(name) = awaitable.object() {
            self.object(name)?;
        }
        awaitable.parts().into_iter().try_for_each(|part| self.awaitable(part))
    }

    fn coro(&self, name: &str) -> Result<(), String> {
        match self.program.coros.get(name) {
            Some(_) => Ok(()),
            None => Err(format!("no coro is named {name:?}: add it to \"coros\"")),
        }
    }

    fn object(&self, name: &str) -> Result<(), String> {
        match self.names.contains(name) {
            true => Ok(()),
            false => Err(format!("no object is named {name:?}: add it to \"objects\"")),
        }
    }
}
