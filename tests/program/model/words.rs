//! A parsed program in the model's words, or why the model's language has none for it.

use seedloop_oracle::{Model, Value};

use crate::{
    exception::Kind,
    grammar::{Block, Millis, Object, Program, RunWhat},
    op::{Awaitable, Op, Try},
    value::Literal,
};

/// What the model's language does not cover; or the program in its words.
pub(crate) type Covered<T> = Result<T, &'static str>;

/// The kinds of exceptions that the program does not make have fixed numbers.
const FIXED: [Kind; 5] = [
    Kind::CancelledError,
    Kind::InvalidStateError,
    Kind::RuntimeError,
    Kind::TypeError,
    Kind::AttributeError,
];

/// Numbers for names, literals, messages and kinds of exceptions, and the way back.
pub(crate) struct Words<'m> {
    pub(crate) model: &'m Model,
    names: Vec<String>,
    literals: Vec<Literal>,
    messages: Vec<String>,
    kinds: Vec<Kind>,
    /// The names of handles of callbacks: what no awaitable may name.
    callbacks: Vec<String>,
    /// The statement stands in a `finally`, and in no `except` inside it.
    in_finally: bool,
}

impl<'m> Words<'m> {
    pub(crate) fn new(model: &'m Model) -> Words<'m> {
        let names = vec!["main".to_owned()];
        let kinds = FIXED.to_vec();
        let (literals, messages, callbacks) = (vec![], vec![], vec![]);
        Words { model, names, literals, messages, kinds, callbacks, in_finally: false }
    }

    pub(crate) fn name(&self, number: u64) -> &str {
        &self.names[number as usize]
    }

    pub(crate) fn literal(&self, number: u64) -> &Literal {
        &self.literals[number as usize]
    }

    pub(crate) fn message(&self, number: u64) -> &str {
        &self.messages[number as usize]
    }

    pub(crate) fn kind(&self, number: u64) -> Kind {
        self.kinds[number as usize]
    }

    /// The program as the model's `program`.
    pub(crate) fn program(&mut self, program: &Program) -> Covered<Value> {
        match (&program.run, program.debug) {
            (Some(RunWhat::Function), _) => return Err("run of a function"),
            (_, true) => return Err("debug mode"),
            _ => {}
        }
        let mut futures = Vec::new();
        for (name, object) in &program.objects.0 {
            match object {
                Object::Future {} => futures.push(self.named(name)),
                _ => return Err("locks, events, queues, executors, context variables"),
            }
        }
        for (_, block) in &program.coros.0 {
            self.find_kinds(block)?;
        }
        let mut coros = Vec::new();
        for (name, block) in &program.coros.0 {
            coros.push(self.model.pair(self.named(name), self.block(block)?));
        }
        let (futures, coros) = (self.model.list(futures), self.model.list(coros));
        Ok(self.model.data("Program", [futures, coros]))
    }

    /// Every kind that can be raised, so that `except` can list those it catches.
    fn find_kinds(&mut self, block: &Block) -> Covered<()> {
        for op in &block.0 {
            match op {
                Op::Raise { exc, msg } | Op::FutExc { exc, msg, .. } => {
                    self.find_kind(*exc, msg.as_deref())?;
                }
                Op::Try(Try { body, except, otherwise, finally }) => {
                    let handlers = except.iter().map(|handler| &handler.body);
                    for block in [body, otherwise, finally].into_iter().chain(handlers) {
                        self.find_kinds(block)?;
                    }
                }
                Op::Repeat { body, .. } | Op::OnDone { body, .. } => self.find_kinds(body)?,
                Op::CallSoon { cb, name, body }
                | Op::CallLater { cb, name, body, .. }
                | Op::CallAt { cb, name, body, .. } => {
                    self.callbacks.push(name.clone().unwrap_or_else(|| cb.clone()));
                    self.find_kinds(body)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn find_kind(&mut self, kind: Kind, message: Option<&str>) -> Covered<()> {
        match kind {
            Kind::SystemExit | Kind::KeyboardInterrupt => return Err("leaving the loop"),
            Kind::BaseExceptionGroup | Kind::ExceptionGroup => return Err("exception groups"),
            Kind::IncompleteReadError | Kind::LimitOverrunError => return Err("streams"),
            _ => {}
        }
        if message == Some("") {
            return Err("empty messages");
        }
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        Ok(())
    }

    fn block(&mut self, block: &Block) -> Covered<Value> {
        let ops: Covered<Vec<Value>> = block.0.iter().map(|op| self.op(op)).collect();
        Ok(self.model.list(ops?))
    }

    fn op(&mut self, op: &Op) -> Covered<Value> {
        let (name, arguments) = match op {
            Op::Log { v } => ("Log", vec![self.value(v)]),
            Op::Now {} => ("Now", vec![]),
            Op::Await { aw } => ("Do", vec![self.awaitable(aw)?]),
            Op::Mk { aw, name } => ("Make", vec![self.awaitable(aw)?, self.named(name)]),
            Op::Spawn { c, name } => ("Start", vec![self.named(c), self.named(name)]),
            Op::CurrentHandle { name } => ("Current", vec![self.named(name)]),
            Op::Busy { d } => ("Block", vec![duration(*d)]),
            Op::Try(op) => ("Try", self.attempt(op)?),
            Op::Raise { exc, msg } => ("Raise", vec![self.exception(*exc, msg.as_deref())]),
            // CPython raises what is in flight again, the model what was handled around it.
            Op::Reraise {} if self.in_finally => return Err("raise in a finally"),
            Op::Reraise {} => ("Reraise", vec![]),
            Op::Return { v } => ("Return", vec![self.value(v)]),
            Op::Repeat { n, body } => {
                let times = Value::Number(u64::try_from(*n).unwrap_or(0));
                ("Repeat", vec![times, self.block(body)?])
            }
            Op::CallSoon { cb, body, name } => ("Soon", self.callback(cb, name.as_deref(), body)?),
            Op::CallLater { d: Millis(..0), .. } | Op::CallAt { at: Millis(..0), .. } => {
                return Err("times before the start");
            }
            Op::CallLater { d, cb, body, name } => {
                let callback = self.callback(cb, name.as_deref(), body)?;
                ("Later", [vec![duration(*d)], callback].concat())
            }
            Op::CallAt { at, cb, body, name } => {
                let callback = self.callback(cb, name.as_deref(), body)?;
                ("At", [vec![duration(*at)], callback].concat())
            }
            _ => self.handle_op(op)?,
        };
        Ok(self.model.data(name, arguments))
    }

    /// What is done with the future or task behind a name.
    fn handle_op(&mut self, op: &Op) -> Covered<(&'static str, Vec<Value>)> {
        Ok(match op {
            Op::Cancel { h, msg } => {
                if msg.as_deref() == Some("") {
                    return Err("empty messages");
                }
                ("CancelIt", vec![self.named(h), self.text(msg.as_deref())])
            }
            Op::Uncancel { h } => ("UncancelIt", vec![self.optional(h.as_deref())]),
            Op::Cancelling { h } => ("CancellingIt", vec![self.optional(h.as_deref())]),
            Op::State { h } => ("StateOf", vec![self.named(h)]),
            Op::Result { h } => ("ResultOf", vec![self.named(h)]),
            Op::Exception { h } => ("ExceptionOf", vec![self.named(h)]),
            Op::FutSet { h, v } => ("SetResult", vec![self.named(h), self.value(v)]),
            Op::FutExc { h, exc, msg } => {
                ("SetException", vec![self.named(h), self.exception(*exc, msg.as_deref())])
            }
            Op::OnDone { h, cb, body } => {
                ("WhenDone", vec![self.named(h), self.named(cb), self.block(body)?])
            }
            Op::OffDone { h, cb } => ("NotWhenDone", vec![self.named(h), self.named(cb)]),
            Op::With(_) | Op::TgSpawn { .. } => return Err("with"),
            _ => return Err("other statements"),
        })
    }

    fn attempt(&mut self, op: &Try) -> Covered<Vec<Value>> {
        let mut handlers = Vec::new();
        for handler in &op.except {
            let catches = |kind: &Kind| handler.types.iter().any(|caught| kind.is_a(*caught));
            let kinds = (0..).zip(&self.kinds).filter(|(_, kind)| catches(kind));
            let kinds = self.model.list(kinds.map(|(at, _)| Value::Number(at)).collect::<Vec<_>>());
            let in_finally = std::mem::replace(&mut self.in_finally, false);
            let body = self.block(&handler.body);
            self.in_finally = in_finally;
            handlers.push(self.model.pair(kinds, body?));
        }
        let handlers = self.model.list(handlers);
        let (body, otherwise) = (self.block(&op.body)?, self.block(&op.otherwise)?);
        let in_finally = std::mem::replace(&mut self.in_finally, true);
        let finally = self.block(&op.finally);
        self.in_finally = in_finally;
        Ok(vec![body, handlers, otherwise, finally?])
    }

    fn awaitable(&mut self, awaitable: &Awaitable) -> Covered<Value> {
        let (name, arguments) = match awaitable {
            Awaitable::Handle { h } if self.callbacks.contains(h) => {
                return Err("handles of callbacks as awaitables");
            }
            Awaitable::Handle { h } => ("AwHandle", vec![self.named(h)]),
            Awaitable::Coro { c } => ("AwCoro", vec![self.named(c)]),
            Awaitable::Sleep { d, v } => ("AwSleep", vec![duration(*d), self.value(v)]),
            Awaitable::Gather { aws, rexc } => {
                let children: Covered<Vec<Value>> =
                    aws.iter().map(|child| self.awaitable(child)).collect();
                ("AwGather", vec![self.model.list(children?), self.model.bool(*rexc)])
            }
            Awaitable::Shield { aw } => ("AwShield", vec![self.awaitable(aw)?]),
            Awaitable::WaitFor { .. } | Awaitable::Wait { .. } => return Err("wait, wait_for"),
            _ => return Err("other awaitables"),
        };
        Ok(self.model.data(name, arguments))
    }

    fn callback(
        &mut self,
        callback: &str,
        name: Option<&str>,
        body: &Block,
    ) -> Covered<Vec<Value>> {
        let name = name.unwrap_or(callback);
        Ok(vec![self.named(callback), self.named(name), self.block(body)?])
    }

    fn exception(&mut self, kind: Kind, message: Option<&str>) -> Value {
        let at = self.kinds.iter().position(|known| *known == kind).expect("found before");
        let message = self.text(message);
        self.model.data("Exn", [Value::Number(at as u64), message])
    }

    fn named(&mut self, name: &str) -> Value {
        number_in(&mut self.names, name)
    }

    fn optional(&mut self, name: Option<&str>) -> Value {
        let name = name.map(|name| self.named(name));
        self.model.option(name)
    }

    fn text(&mut self, text: Option<&str>) -> Value {
        let text = text.map(|text| number_in(&mut self.messages, text));
        self.model.option(text)
    }

    fn value(&mut self, literal: &Literal) -> Value {
        match literal {
            Literal::Null => self.model.data("VNone", []),
            Literal::Bool(value) => self.model.data("VBool", [self.model.bool(*value)]),
            _ => {
                let shown = literal.to_json();
                let known = self.literals.iter().position(|other| other.to_json() == shown);
                let at = known.unwrap_or_else(|| {
                    self.literals.push(literal.clone());
                    self.literals.len() - 1
                });
                self.model.data("VLiteral", [Value::Number(at as u64)])
            }
        }
    }
}

/// In the model a time is as many units as here milliseconds.
fn duration(Millis(millis): Millis) -> Value {
    Value::Number(u64::try_from(millis).unwrap_or(0))
}

fn number_in(known: &mut Vec<String>, text: &str) -> Value {
    let at = known.iter().position(|other| other == text).unwrap_or_else(|| {
        known.push(text.to_owned());
        known.len() - 1
    });
    Value::Number(at as u64)
}
