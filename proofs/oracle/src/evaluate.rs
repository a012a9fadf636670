//! Call by value on one stack. A call in tail position takes its caller's place, so a loop runs in
//! constant space; what is not a tail call nests in Rust's own stack.

use std::rc::Rc;

use crate::{
    expression::{Branch, Case, CaseKind, Expression},
    load::Model,
    numbers::{Builtin, Outcome, fits},
    value::{Closure, Code, Value},
};

pub(crate) struct Evaluator<'m> {
    model: &'m Model,
    /// The frames, innermost last, and the arguments of calls that are being made.
    stack: Vec<Value>,
}

/// What comes next when a function has got arguments.
enum Next<'m> {
    /// Its body; the frame stands on the stack from here on.
    Body(&'m Expression, usize),
    Value(Value),
}

impl<'m> Evaluator<'m> {
    pub(crate) fn new(model: &'m Model) -> Evaluator<'m> {
        Evaluator { model, stack: Vec::with_capacity(1_024) }
    }

    /// Calls a function with all its arguments.
    pub(crate) fn call(&mut self, function: Value, arguments: Vec<Value>) -> Value {
        let floor = self.stack.len();
        let given = arguments.len();
        self.stack.extend(arguments);
        let value = match self.apply(function, given, floor) {
            Next::Value(value) => value,
            Next::Body(body, frame) => self.evaluate(body, frame),
        };
        self.stack.truncate(floor);
        value
    }

    /// The value of an expression in the frame that begins at `frame`.
    pub(crate) fn evaluate(&mut self, expression: &'m Expression, frame: usize) -> Value {
        if let Some(value) = self.look_up(expression, frame) {
            return value;
        }
        let floor = self.stack.len();
        let (mut expression, mut frame) = (expression, frame);
        let value = loop {
            let next = match expression {
                Expression::Local(_) | Expression::Field(..) | Expression::Constant(_) => {
                    Next::Value(self.look_up(expression, frame).expect("it is there"))
                }
                Expression::Global(global) => Next::Value(self.model.value_of(*global)),
                Expression::Successor(inner) => {
                    let number = self.evaluate(inner, frame).number();
                    Next::Value(Value::Number(fits(number.checked_add(1))))
                }
                Expression::Double(inner, more) => {
                    let number = self.evaluate(inner, frame).number();
                    Next::Value(Value::Number(fits(number.checked_mul(2)) + more))
                }
                Expression::Constructor(tag, arguments) => {
                    self.push_all(arguments, frame);
                    let first = self.stack.len() - arguments.len();
                    Next::Value(Value::Data(*tag, self.stack.drain(first..).collect()))
                }
                Expression::Builtin(builtin, operands) => {
                    let a = self.evaluate(&operands[0], frame).number();
                    let b = self.evaluate(&operands[1], frame).number();
                    Next::Value(self.model.compute(*builtin, a, b))
                }
                Expression::Call(function, arguments) => {
                    self.push_all(arguments, frame);
                    self.stack.drain(floor..self.stack.len() - arguments.len());
                    Next::Body(&self.model.function(*function).body, floor)
                }
                Expression::Apply(function, arguments) => {
                    self.push_all(arguments, frame);
                    let function = self.evaluate(function, frame);
                    self.apply(function, arguments.len(), floor)
                }
                Expression::Lambda(index) => Next::Value(self.close(*index, frame)),
                Expression::Let(value, body) => {
                    let value = self.evaluate(value, frame);
                    self.stack.push(value);
                    Next::Body(body, frame)
                }
                Expression::Case(case) => {
                    let on = self.evaluate(&case.on, frame);
                    Next::Body(self.choose(case, on), frame)
                }
            };
            match next {
                Next::Value(value) => break value,
                Next::Body(body, its_frame) => (expression, frame) = (body, its_frame),
            }
        };
        self.stack.truncate(floor);
        value
    }

    /// The value of an expression that does nothing.
    #[inline(always)]
    fn look_up(&self, expression: &Expression, frame: usize) -> Option<Value> {
        match expression {
            Expression::Local(place) => Some(self.stack[frame + place].clone()),
            Expression::Field(place, field) => {
                Some(self.stack[frame + place].arguments()[*field].clone())
            }
            Expression::Constant(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn push_all(&mut self, expressions: &'m [Expression], frame: usize) {
        for expression in expressions {
            let value = self.evaluate(expression, frame);
            self.stack.push(value);
        }
    }

    /// Applies a function to the last `given` values of the stack. Its frame takes the place of
    /// everything from `floor` on.
    fn apply(&mut self, function: Value, given: usize, floor: usize) -> Next<'m> {
        let Value::Function(closure) = function else { panic!("{function:?} is no function") };
        self.stack.drain(floor..self.stack.len() - given);
        let held = closure.arguments.len();
        let arity = self.model.arity(closure.code);
        if held + given < arity {
            let mut arguments = closure.arguments.clone();
            arguments.extend(self.stack.drain(floor..));
            let (code, captured) = (closure.code, closure.captured.clone());
            let closure = Closure { code, captured, arguments };
            return Next::Value(Value::Function(Rc::new(closure)));
        }
        let more = self.stack.split_off(floor + arity - held);
        self.stack.splice(floor..floor, closure.arguments.iter().cloned());
        let next = self.enter(&closure, floor);
        if more.is_empty() {
            return next;
        }
        let function = match next {
            Next::Value(value) => value,
            Next::Body(body, frame) => self.evaluate(body, frame),
        };
        let given = more.len();
        self.stack.extend(more);
        self.apply(function, given, floor)
    }

    /// Runs a function whose arguments are all there, from `frame` on.
    fn enter(&mut self, closure: &Rc<Closure>, frame: usize) -> Next<'m> {
        match closure.code {
            Code::Builtin(builtin) => {
                let b = self.stack.pop().expect("two operands").number();
                let a = self.stack.pop().expect("two operands").number();
                Next::Value(self.model.compute(builtin, a, b))
            }
            Code::Function(index) => {
                let function = self.model.function(index);
                self.stack.extend(closure.captured.iter().cloned());
                if function.is_fixpoint {
                    let (code, captured) = (closure.code, closure.captured.clone());
                    let itself = Closure { code, captured, arguments: Vec::new() };
                    self.stack.push(Value::Function(Rc::new(itself)));
                }
                Next::Body(&function.body, frame)
            }
        }
    }

    fn close(&self, index: usize, frame: usize) -> Value {
        let captures = self.model.function(index).captures.iter();
        let captured = captures.map(|place| self.stack[frame + place].clone()).collect();
        let (code, arguments) = (Code::Function(index), Vec::new());
        Value::Function(Rc::new(Closure { code, captured, arguments }))
    }

    /// The branch for a value; what the pattern binds joins the frame.
    fn choose(&mut self, case: &'m Case, on: Value) -> &'m Expression {
        let (index, inner) = match case.kind {
            CaseKind::Data(first) => (on.constructor() - first, None),
            CaseKind::Nat => match on.number() {
                0 => (0, None),
                number => (1, Some(number - 1)),
            },
            CaseKind::N => match on.number() {
                0 => (0, None),
                number => (1, Some(number)),
            },
            CaseKind::Positive => match on.number() {
                0 => panic!("0 is not positive"),
                1 => (0, None),
                number => (1 + (number % 2) as usize, Some(number / 2)),
            },
        };
        let Some(Branch { binds, body }) = case.branches.get(index).and_then(Option::as_ref) else {
            let otherwise = case.otherwise.as_ref().expect("a case has a branch for each value");
            if otherwise.binds {
                self.stack.push(on);
            }
            return &otherwise.body;
        };
        match inner {
            Some(number) => binds.iter().for_each(|_| self.stack.push(Value::Number(number))),
            None => {
                let arguments = binds.iter().map(|&field| on.arguments()[field].clone());
                self.stack.extend(arguments);
            }
        }
        body
    }
}

impl Model {
    fn compute(&self, builtin: Builtin, a: u64, b: u64) -> Value {
        match builtin.apply(a, b) {
            Outcome::Number(number) => Value::Number(number),
            Outcome::Bool(truth) => Value::Constant(self.truths[usize::from(truth)]),
            Outcome::Order(order) => Value::Constant(self.orders[(order as i8 + 1) as usize]),
        }
    }
}
