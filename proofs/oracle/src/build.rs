//! Values of the model from Rust's, and back: by the names of constructors.

use crate::{load::Model, value::Value};

/// A constructor, looked up once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub(crate) usize);

impl Model {
    /// The constructor of that name.
    ///
    /// # Panics
    /// If the model has none.
    pub fn tag(&self, name: &str) -> Tag {
        match self.find_constructor(name) {
            Some(tag) => Tag(tag),
            None => panic!("the model has no constructor {name}"),
        }
    }

    /// The name of the constructor that made the value.
    pub fn name_of(&self, value: &Value) -> &str {
        self.constructor_name(value.constructor())
    }

    /// A constructor with its arguments.
    pub fn data(&self, name: &str, arguments: impl IntoIterator<Item = Value>) -> Value {
        let arguments: Vec<Value> = arguments.into_iter().collect();
        Value::data(self.tag(name).0, arguments.into_iter())
    }

    /// `true` or `false`.
    pub fn bool(&self, value: bool) -> Value {
        self.data(if value { "True" } else { "False" }, [])
    }

    /// `Some x` or `None`.
    pub fn option(&self, value: Option<Value>) -> Value {
        match value {
            Some(value) => self.data("Some", [value]),
            None => self.data("None", []),
        }
    }

    /// `(a, b)`.
    pub fn pair(&self, a: Value, b: Value) -> Value {
        self.data("Pair", [a, b])
    }

    /// A list.
    pub fn list<I>(&self, values: I) -> Value
    where
        I: IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>,
    {
        let end = self.data("Nil", []);
        values.into_iter().rev().fold(end, |tail, head| self.data("Cons", [head, tail]))
    }

    /// The value of an option.
    pub fn to_option(&self, value: &Value) -> Option<Value> {
        value.arguments().first().cloned()
    }

    /// The values of a list.
    pub fn to_vec(&self, list: &Value) -> Vec<Value> {
        let mut values = Vec::new();
        let mut list = list;
        while let [head, tail] = list.arguments() {
            values.push(head.clone());
            list = tail;
        }
        values
    }

    /// A value as Coq writes it.
    pub fn show(&self, value: &Value) -> String {
        match value {
            Value::Number(number) => number.to_string(),
            Value::Function(_) => "<function>".into(),
            Value::Constant(tag) | Value::Data(tag, _) => {
                let name = self.constructor_name(*tag);
                let shown = |value: &Value| match value {
                    Value::Data(..) if !self.is_bracketed(value) => {
                        format!("({})", self.show(value))
                    }
                    _ => self.show(value),
                };
                match name {
                    "Nil" | "Cons" => {
                        let values = self.to_vec(value);
                        let values: Vec<String> = values.iter().map(|v| self.show(v)).collect();
                        format!("[{}]", values.join("; "))
                    }
                    "Pair" => {
                        let [a, b] = value.arguments() else { unreachable!("a pair has two") };
                        format!("({}, {})", self.show(a), self.show(b))
                    }
                    "True" | "False" => name.to_lowercase(),
                    _ => {
                        let arguments = value.arguments().iter().map(shown);
                        let words: Vec<String> =
                            std::iter::once(name.to_string()).chain(arguments).collect();
                        words.join(" ")
                    }
                }
            }
        }
    }

    fn is_bracketed(&self, value: &Value) -> bool {
        matches!(self.name_of(value), "Nil" | "Cons" | "Pair")
    }
}
