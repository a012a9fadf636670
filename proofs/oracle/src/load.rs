//! Reads an extraction. Names become places, numbers become numbers, types are skipped.
//!
//! Of Coq's JSON seven kinds of expression are known, and local fixpoints of one function: what else
//! there may be is refused by name.

use std::{cell::OnceCell, collections::HashMap};

use serde_json::{Deserializer, Value as Json};

use crate::{
    evaluate::Evaluator,
    expression::{Branch, Case, CaseKind, Expression, Function, Otherwise},
    numbers::Builtin,
    value::{Code, Value},
};

/// The constructors that are numbers, in the order of their cases.
const NAT: [&str; 2] = ["O", "S"];
const N: [&str; 2] = ["N0", "Npos"];
const POSITIVE: [&str; 3] = ["XH", "XO", "XI"];

/// An extraction: functions to call.
pub struct Model {
    constructors: Vec<String>,
    constructor_of: HashMap<String, usize>,
    globals: HashMap<String, usize>,
    definitions: Vec<Definition>,
    functions: Vec<Function>,
    /// The values of the definitions that are no functions, once they are known.
    values: Vec<OnceCell<Value>>,
    /// `False`, `True`.
    pub(crate) truths: [usize; 2],
    /// `Lt`, `Eq`, `Gt`.
    pub(crate) orders: [usize; 3],
}

enum Definition {
    Function(usize),
    Builtin(Builtin),
    Value(Expression),
}

impl Model {
    /// Reads what `Extraction Language JSON` writes.
    ///
    /// # Errors
    /// If it is no JSON, or has something in it that is not known here.
    pub fn load(text: &str) -> Result<Model, String> {
        Model::load_with(text, Builtin::of)
    }

    /// As [`load`](Model::load), with other built-in functions: by name.
    pub(crate) fn load_with(
        text: &str,
        builtin: impl Fn(&str) -> Option<Builtin>,
    ) -> Result<Model, String> {
        let mut reader = Deserializer::from_str(text);
        // A number is a tower of constructors.
        reader.disable_recursion_limit();
        let json = reader.into_iter::<Json>().next().ok_or("an empty extraction")?;
        let json = json.map_err(|error| error.to_string())?;
        let mut terms: Vec<(&str, &Json)> = Vec::new();
        let mut loader = Loader::default();
        for declaration in items(&json, "declarations")? {
            match what(declaration)? {
                "decl:ind" => loader.add_constructors(declaration)?,
                "decl:term" => terms.push((name(declaration)?, &declaration["value"])),
                "decl:fixgroup" => {
                    for item in items(declaration, "fixlist")? {
                        terms.push((name(item)?, &item["value"]));
                    }
                }
                "decl:type" => {}
                other => return Err(format!("{other} is not known")),
            }
        }
        loader.shapes = terms.iter().map(|(name, value)| Shape::of(value, builtin(name))).collect();
        let numbered = terms.iter().enumerate().map(|(at, (name, _))| (name.to_string(), at));
        loader.globals = numbered.collect();
        let mut definitions = Vec::new();
        for (at, (name, value)) in terms.iter().enumerate() {
            let definition = loader.definition(at, value);
            definitions.push(definition.map_err(|error| format!("{name}: {error}"))?);
        }
        Ok(loader.finish(definitions))
    }

    /// A definition as a value.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn global(&self, name: &str) -> Value {
        match self.globals.get(name) {
            Some(&global) => self.value_of(global),
            None => panic!("the model has no {name}"),
        }
    }

    /// Calls a definition. Recursion takes Rust's stack: give the thread a large one.
    ///
    /// # Panics
    /// If there is none of that name, or if the arguments are not of its types.
    pub fn call(&self, name: &str, arguments: Vec<Value>) -> Value {
        Evaluator::new(self).call(self.global(name), arguments)
    }

    pub(crate) fn value_of(&self, global: usize) -> Value {
        let value = self.values[global].get_or_init(|| match &self.definitions[global] {
            Definition::Function(index) => Value::function(Code::Function(*index)),
            Definition::Builtin(builtin) => Value::function(Code::Builtin(*builtin)),
            Definition::Value(expression) => Evaluator::new(self).evaluate(expression, 0),
        });
        value.clone()
    }

    pub(crate) fn function(&self, index: usize) -> &Function {
        &self.functions[index]
    }

    pub(crate) fn arity(&self, code: Code) -> usize {
        match code {
            Code::Function(index) => self.functions[index].arity,
            Code::Builtin(_) => 2,
        }
    }

    pub(crate) fn find_constructor(&self, name: &str) -> Option<usize> {
        self.constructor_of.get(name).copied()
    }

    pub(crate) fn constructor_name(&self, tag: usize) -> &str {
        &self.constructors[tag]
    }

    /// The names of the definitions.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.globals.keys().map(String::as_str)
    }
}

/// What a definition is, before its body is read.
#[derive(Clone, Copy)]
enum Shape {
    Builtin(Builtin),
    Function(usize),
    Value,
}

impl Shape {
    fn of(value: &Json, builtin: Option<Builtin>) -> Shape {
        let arity = match value["what"].as_str() {
            Some("expr:lambda") => value["argnames"].as_array().map_or(0, Vec::len),
            _ => 0,
        };
        match (builtin, arity) {
            (Some(builtin), 2) => Shape::Builtin(builtin),
            (_, 0) => Shape::Value,
            (_, arity) => Shape::Function(arity),
        }
    }
}

/// The names of a frame's places; those of arguments on their way have none.
type Scope<'j> = Vec<Option<&'j str>>;

#[derive(Default)]
struct Loader {
    constructors: Vec<String>,
    constructor_of: HashMap<String, usize>,
    /// By the number of a constructor, the number of its type's first.
    first_of_type: Vec<usize>,
    globals: HashMap<String, usize>,
    shapes: Vec<Shape>,
    functions: Vec<Option<Function>>,
    /// By the number of a definition: which function it is.
    function_of: HashMap<usize, usize>,
}

impl Loader {
    fn add_constructors(&mut self, declaration: &Json) -> Result<(), String> {
        let first = self.constructors.len();
        for constructor in items(declaration, "constructors")? {
            let name = name(constructor)?.to_string();
            let number = self.constructors.len();
            if self.constructor_of.insert(name.clone(), number).is_some() {
                return Err(format!("two constructors are called {name}"));
            }
            self.constructors.push(name);
            self.first_of_type.push(first);
        }
        Ok(())
    }

    fn finish(self, definitions: Vec<Definition>) -> Model {
        let tag = |name: &str| self.constructor_of.get(name).copied().unwrap_or(usize::MAX);
        let functions = self.functions.into_iter();
        Model {
            truths: ["False", "True"].map(tag),
            orders: ["Lt", "Eq", "Gt"].map(tag),
            values: definitions.iter().map(|_| OnceCell::new()).collect(),
            functions: functions.map(|function| function.expect("each is read")).collect(),
            constructors: self.constructors,
            constructor_of: self.constructor_of,
            globals: self.globals,
            definitions,
        }
    }

    fn definition(&mut self, global: usize, value: &Json) -> Result<Definition, String> {
        match self.shapes[global] {
            Shape::Builtin(builtin) => Ok(Definition::Builtin(builtin)),
            Shape::Value => Ok(Definition::Value(self.expression(value, &mut Scope::new())?)),
            Shape::Function(_) => {
                let function = self.function(value, None, &Scope::new())?;
                let index = self.function_of(global);
                self.functions[index] = Some(function);
                Ok(Definition::Function(index))
            }
        }
    }

    fn expression<'j>(
        &mut self,
        json: &'j Json,
        scope: &mut Scope<'j>,
    ) -> Result<Expression, String> {
        match what(json)? {
            "expr:rel" => {
                let name = name(json)?;
                let place = scope.iter().rposition(|known| *known == Some(name));
                place.map(Expression::Local).ok_or(format!("nothing here is called {name}"))
            }
            "expr:global" => self.global(json),
            "expr:constructor" => {
                let arguments = self.arguments(json, scope)?;
                self.constructor(name(json)?, arguments)
            }
            "expr:apply" => self.apply(json, scope),
            "expr:lambda" => match items(json, "argnames")?.is_empty() {
                true => self.expression(&json["body"], scope),
                false => self.lambda(json, None, scope),
            },
            "expr:fix" => match items(json, "funcs")?.as_slice() {
                [only] => self.lambda(&only["body"], Some(name(only)?), scope),
                _ => Err("local fixpoints of several functions are not known".into()),
            },
            "expr:let" => {
                let value = self.expression(&json["nameval"], scope)?;
                scope.push(Some(name(json)?));
                let body = self.expression(&json["body"], scope);
                scope.pop();
                Ok(Expression::Let(value.into(), body?.into()))
            }
            "expr:case" => self.case(json, scope),
            other => Err(format!("{other} is not known")),
        }
    }

    fn global(&self, json: &Json) -> Result<Expression, String> {
        let name = name(json)?;
        let known = self.globals.get(name).ok_or(format!("nothing is called {name}"))?;
        Ok(Expression::Global(*known))
    }

    /// The arguments of a constructor or a function, each with those before it on the stack. They
    /// stay in the scope for whoever calls.
    fn arguments<'j>(
        &mut self,
        json: &'j Json,
        scope: &mut Scope<'j>,
    ) -> Result<Vec<Expression>, String> {
        let before = scope.len();
        let mut arguments = Vec::new();
        for argument in items(json, "args")? {
            arguments.push(self.expression(argument, scope)?);
            scope.push(None);
        }
        scope.truncate(before);
        Ok(arguments)
    }

    fn constructor(
        &self,
        name: &str,
        mut arguments: Vec<Expression>,
    ) -> Result<Expression, String> {
        let number = |number| Ok(Expression::Constant(Value::Number(number)));
        match (name, arguments.pop()) {
            ("O" | "N0", None) => number(0),
            ("XH", None) => number(1),
            ("Npos", Some(inner)) => Ok(inner),
            ("S", Some(Expression::Constant(inner))) => number(inner.number() + 1),
            ("XO", Some(Expression::Constant(inner))) => number(2 * inner.number()),
            ("XI", Some(Expression::Constant(inner))) => number(2 * inner.number() + 1),
            ("S", Some(inner)) => Ok(Expression::Successor(inner.into())),
            ("XO", Some(inner)) => Ok(Expression::Double(inner.into(), 0)),
            ("XI", Some(inner)) => Ok(Expression::Double(inner.into(), 1)),
            (name, last) => {
                arguments.extend(last);
                let tag = self.constructor_of.get(name);
                let tag = *tag.ok_or(format!("no type has {name}"))?;
                let constants = arguments.iter().map(|argument| match argument {
                    Expression::Constant(value) => Some(value.clone()),
                    _ => None,
                });
                let constants: Option<Vec<Value>> = constants.collect();
                Ok(match constants {
                    Some(values) => Expression::Constant(Value::data(tag, values.into_iter())),
                    None => Expression::Constructor(tag, arguments.into()),
                })
            }
        }
    }

    fn apply<'j>(&mut self, json: &'j Json, scope: &mut Scope<'j>) -> Result<Expression, String> {
        let callee = &json["func"];
        if what(callee)? == "expr:global" {
            let global = self.globals.get(name(callee)?).copied();
            match (global.map(|global| self.shapes[global]), items(json, "args")?.as_slice()) {
                (Some(Shape::Builtin(builtin)), [a, b]) => {
                    let (a, b) = (self.expression(a, scope)?, self.expression(b, scope)?);
                    return Ok(Expression::Builtin(builtin, [a, b].into()));
                }
                (Some(Shape::Function(arity)), arguments) if arguments.len() == arity => {
                    let function = self.function_of(global.expect("just looked at"));
                    return Ok(Expression::Call(function, self.arguments(json, scope)?.into()));
                }
                _ => {}
            }
        }
        let arguments = self.arguments(json, scope)?;
        let before = scope.len();
        scope.extend(arguments.iter().map(|_| None));
        let callee = self.expression(callee, scope);
        scope.truncate(before);
        Ok(Expression::Apply(callee?.into(), arguments.into()))
    }

    /// The function that a definition is; read later, perhaps.
    fn function_of(&mut self, global: usize) -> usize {
        let next = self.functions.len();
        let function = *self.function_of.entry(global).or_insert(next);
        if function == next {
            self.functions.push(None);
        }
        function
    }

    /// A function; `itself` is its name in its own body.
    fn lambda<'j>(
        &mut self,
        json: &'j Json,
        itself: Option<&'j str>,
        around: &Scope<'j>,
    ) -> Result<Expression, String> {
        let function = self.function(json, itself, around)?;
        self.functions.push(Some(function));
        Ok(Expression::Lambda(self.functions.len() - 1))
    }

    fn function<'j>(
        &mut self,
        json: &'j Json,
        itself: Option<&'j str>,
        around: &Scope<'j>,
    ) -> Result<Function, String> {
        let arguments = items(json, "argnames")?;
        let arguments: Vec<_> = arguments.iter().map(Json::as_str).collect();
        let mut free = Vec::new();
        free_names(json, &mut Vec::new(), &mut free);
        let mut captures = Vec::new();
        let mut scope = arguments.clone();
        for name in free.into_iter().filter(|name| Some(*name) != itself) {
            let place = around.iter().rposition(|known| *known == Some(name));
            captures.push(place.ok_or(format!("nothing here is called {name}"))?);
            scope.push(Some(name));
        }
        scope.extend(itself.map(Some));
        let (arity, is_fixpoint) = (arguments.len(), itself.is_some());
        let body = self.expression(&json["body"], &mut scope)?;
        Ok(Function { arity, captures, is_fixpoint, body })
    }

    fn case<'j>(&mut self, json: &'j Json, scope: &mut Scope<'j>) -> Result<Expression, String> {
        let on = self.expression(&json["expr"], scope)?;
        let cases = items(json, "cases")?;
        let patterns = cases.iter().map(|case| &case["pat"]);
        let mut constructors =
            patterns.filter(|pattern| pattern["what"] == "pat:constructor").map(name);
        let Some(first) = constructors.next().transpose()? else {
            return self.only_bound(on, cases, scope);
        };
        let kind = self.kind(first)?;
        let mut case = Case { on, kind, branches: Vec::new(), otherwise: None };
        for json in cases {
            let (pattern, body) = (&json["pat"], &json["body"]);
            let before = scope.len();
            match what(pattern)? {
                "pat:constructor" => {
                    let (index, binds) = self.pattern(kind, pattern, scope)?;
                    let branch = Branch { binds, body: self.expression(body, scope)? };
                    let missing = (index + 1).saturating_sub(case.branches.len());
                    case.branches.extend((0..missing).map(|_| None));
                    case.branches[index] = Some(branch);
                }
                "pat:wild" | "pat:rel" => {
                    let bound = pattern["name"].as_str();
                    scope.extend(bound.map(Some));
                    let binds = bound.is_some();
                    case.otherwise = Some(Otherwise { binds, body: self.expression(body, scope)? });
                }
                other => return Err(format!("{other} is not known")),
            }
            scope.truncate(before);
        }
        Ok(field(&case, scope.len()).unwrap_or(Expression::Case(case.into())))
    }

    /// A case that tells nothing apart.
    fn only_bound<'j>(
        &mut self,
        on: Expression,
        cases: &'j [Json],
        scope: &mut Scope<'j>,
    ) -> Result<Expression, String> {
        let case = cases.first().ok_or("a case without branches")?;
        scope.push(case["pat"]["name"].as_str());
        let body = self.expression(&case["body"], scope);
        scope.pop();
        Ok(Expression::Let(on.into(), body?.into()))
    }

    fn kind(&self, constructor: &str) -> Result<CaseKind, String> {
        if NAT.contains(&constructor) {
            return Ok(CaseKind::Nat);
        }
        if N.contains(&constructor) {
            return Ok(CaseKind::N);
        }
        if POSITIVE.contains(&constructor) {
            return Ok(CaseKind::Positive);
        }
        let tag = *self.constructor_of.get(constructor).ok_or("an unknown constructor")?;
        Ok(CaseKind::Data(self.first_of_type[tag]))
    }

    /// Which branch a pattern is of, and which arguments it names: these join the scope.
    fn pattern<'j>(
        &self,
        kind: CaseKind,
        pattern: &'j Json,
        scope: &mut Scope<'j>,
    ) -> Result<(usize, Vec<usize>), String> {
        let name = name(pattern)?;
        let place = |names: &[&str]| names.iter().position(|known| *known == name);
        let index = match kind {
            CaseKind::Nat => place(&NAT),
            CaseKind::N => place(&N),
            CaseKind::Positive => place(&POSITIVE),
            CaseKind::Data(first) => self.constructor_of.get(name).map(|tag| tag - first),
        };
        let index = index.ok_or(format!("{name} is of another type"))?;
        let mut binds = Vec::new();
        for (field, argument) in items(pattern, "argnames")?.iter().enumerate() {
            if let Some(argument) = argument.as_str().filter(|argument| *argument != "_") {
                binds.push(field);
                scope.push(Some(argument));
            }
        }
        Ok((index, binds))
    }
}

/// A case that only reads a field. `depth` is the size of the frame.
fn field(case: &Case, depth: usize) -> Option<Expression> {
    let (Expression::Local(place), CaseKind::Data(_)) = (&case.on, case.kind) else { return None };
    let [Some(Branch { binds, body: Expression::Local(bound) })] = &case.branches[..] else {
        return None;
    };
    let field = binds.get(bound.checked_sub(depth)?)?;
    Some(Expression::Field(*place, *field))
}

/// The names in a term that it does not bind, each once.
fn free_names<'j>(json: &'j Json, bound: &mut Vec<&'j str>, free: &mut Vec<&'j str>) {
    let before = bound.len();
    let text = |value: &'j Json| value.as_str();
    match (json["what"].as_str(), json) {
        (Some("expr:rel"), _) => {
            let name = json["name"].as_str().unwrap_or_default();
            if !bound.contains(&name) && !free.contains(&name) {
                free.push(name);
            }
            return;
        }
        (Some("expr:let"), _) => {
            free_names(&json["nameval"], bound, free);
            bound.extend(text(&json["name"]));
            free_names(&json["body"], bound, free);
        }
        (Some("expr:lambda"), _) => {
            bound.extend(json["argnames"].as_array().into_iter().flatten().filter_map(text));
            free_names(&json["body"], bound, free);
        }
        (Some("case"), _) => {
            let pattern = &json["pat"];
            bound.extend(pattern["argnames"].as_array().into_iter().flatten().filter_map(text));
            if pattern["what"] == "pat:rel" {
                bound.extend(text(&pattern["name"]));
            }
            free_names(&json["body"], bound, free);
        }
        (Some("expr:fix"), _) => {
            let functions = json["funcs"].as_array();
            bound.extend(functions.into_iter().flatten().filter_map(|f| text(&f["name"])));
            functions.into_iter().flatten().for_each(|f| free_names(&f["body"], bound, free));
        }
        (_, Json::Object(fields)) => {
            fields.values().for_each(|field| free_names(field, bound, free));
        }
        (_, Json::Array(values)) => values.iter().for_each(|value| free_names(value, bound, free)),
        _ => {}
    }
    bound.truncate(before);
}

fn what(json: &Json) -> Result<&str, String> {
    json["what"].as_str().ok_or("something without `what`".into())
}

fn name(json: &Json) -> Result<&str, String> {
    json["name"].as_str().ok_or_else(|| "something without a name".into())
}

fn items<'j>(json: &'j Json, field: &str) -> Result<&'j Vec<Json>, String> {
    json[field].as_array().ok_or_else(|| format!("something without {field}"))
}
