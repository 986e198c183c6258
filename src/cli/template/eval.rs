//! From what a template means, and a value, to text. As text/template of Go does it, on JSON.

use super::parse::{Operand, Part, Pipe};
use super::{TemplateError, nil};
use serde_json::Value;

/// Go's own functions and those that docker adds (templates/templates.go of its client).
pub(super) const FUNCTIONS: [&str; 22] = [
    "json", "join", "split", "upper", "lower", "title", "pad", "truncate", "len", "index", "print", "println",
    "printf", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not",
];

/// What names stand for, at one place of a template.
pub(super) struct Scope<'a> {
    root: &'a Value,
    dot: Value,
    variables: Vec<(String, Value)>,
}

type Found = Result<Value, TemplateError>;

impl<'a> Scope<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        Self { root, dot: root.clone(), variables: Vec::new() }
    }

    pub(super) fn render(&mut self, parts: &[Part], text: &mut String) -> Result<(), TemplateError> {
        // What is declared inside holds inside.
        let outer = self.variables.len();
        for part in parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Print(None, pipe) => match self.value(pipe)? {
                    Value::Null => text.push_str(nil::printed(pipe)),
                    value => text.push_str(&as_go_prints(&value)),
                },
                Part::Print(Some(name), pipe) => {
                    let value = self.value(pipe)?;
                    self.variables.push((name.clone(), value));
                }
                Part::If(pipe, then, otherwise) => {
                    let chosen = if is_true(&self.wanted(pipe)?) { then } else { otherwise };
                    self.render(chosen, text)?;
                }
                Part::With(pipe, then, otherwise) => {
                    let value = self.wanted(pipe)?;
                    if is_true(&value) { self.inside(value, then, text)? } else { self.render(otherwise, text)? }
                }
                Part::Range(names, pipe, each, none) => self.range(names, pipe, (each, none), text)?,
            }
        }
        self.variables.truncate(outer);
        Ok(())
    }

    fn inside(&mut self, dot: Value, parts: &[Part], text: &mut String) -> Result<(), TemplateError> {
        let before = std::mem::replace(&mut self.dot, dot);
        let done = self.render(parts, text);
        self.dot = before;
        done
    }

    fn range(
        &mut self,
        names: &[String],
        pipe: &Pipe,
        (each, none): (&[Part], &[Part]),
        text: &mut String,
    ) -> Result<(), TemplateError> {
        let entries: Vec<(Value, Value)> = match self.value(pipe)? {
            Value::Array(list) => (0..list.len()).map(Value::from).zip(list).collect(),
            Value::Object(map) => map.into_iter().map(|(name, one)| (Value::from(name), one)).collect(),
            Value::Null => Vec::new(),
            other => return Err(TemplateError::Value(format!("range can't iterate over {}", as_go_prints(&other)))),
        };
        if entries.is_empty() {
            return self.render(none, text);
        }
        for (key, value) in entries {
            let outer = self.variables.len();
            match names {
                [one] => self.variables.push((one.clone(), value.clone())),
                [first, second] => {
                    self.variables.extend([(first.clone(), key), (second.clone(), value.clone())]);
                }
                _ => {}
            }
            self.inside(value, each, text)?;
            self.variables.truncate(outer);
        }
        Ok(())
    }

    /// Of what is only asked for whether it is there, a field that is not is no mistake.
    fn wanted(&self, pipe: &Pipe) -> Found {
        match self.value(pipe) {
            Err(TemplateError::Field { .. }) => Ok(Value::Null),
            other => other,
        }
    }

    fn value(&self, pipe: &Pipe) -> Found {
        let mut last = None;
        for command in pipe {
            last = Some(self.command(command, last)?);
        }
        Ok(last.unwrap_or(Value::Null))
    }

    fn command(&self, command: &[Operand], last: Option<Value>) -> Found {
        let (first, rest) = command.split_first().ok_or_else(|| TemplateError::Value("missing value".into()))?;
        let mut arguments = rest.iter().map(|one| self.operand(one)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(last);
        match first {
            // What nobody has is an empty map to Go.
            Operand::Function(name) if name == "index" && arguments.len() > 1 && arguments[0].is_null() => {
                Ok(nil::indexed(Value::Null, rest.first()))
            }
            Operand::Function(name) if name == "index" => {
                Ok(nil::indexed(super::function::call(name, &arguments)?, rest.first()))
            }
            Operand::Function(name) => super::function::call(name, &arguments),
            // Docker's lists have it as a method: `{{.Label "name"}}`.
            Operand::Dot(path) if path == &["Label"] && arguments.len() == 1 => self.label(&arguments[0]),
            _ if arguments.is_empty() => self.operand(first),
            _ => Err(TemplateError::Value("can't give argument to non-function".into())),
        }
    }

    fn label(&self, wanted: &Value) -> Found {
        let all = field(&self.dot, &["Labels".to_owned()])?;
        let all = all.as_str().unwrap_or_default().to_owned();
        let mut pairs = all.split(',').filter_map(|one| one.split_once('='));
        let value = pairs.find(|(name, _)| wanted.as_str() == Some(name)).map_or("", |(_, value)| value);
        Ok(value.into())
    }

    fn operand(&self, one: &Operand) -> Found {
        match one {
            Operand::Dot(path) => field(&self.dot, path),
            Operand::Variable(name, path) if name.is_empty() => field(self.root, path),
            Operand::Variable(name, path) => match self.variables.iter().rfind(|(known, _)| known == name) {
                Some((_, value)) => field(value, path),
                None => Err(TemplateError::Value(format!("undefined variable \"${name}\""))),
            },
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Function(name) => super::function::call(name, &[]),
            Operand::Group(pipe, path) => field(&self.value(pipe)?, path),
        }
    }
}

fn field(value: &Value, path: &[String]) -> Found {
    let mut value = value;
    for (at, name) in path.iter().enumerate() {
        value = match value.get(name) {
            Some(found) => found,
            None if nil::may_lack(&path[..at]) => &Value::Null,
            None => {
                let names = value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(", "));
                let there = names.unwrap_or_else(|| "none in it".into());
                return Err(TemplateError::Field { field: name.clone(), there });
            }
        };
    }
    Ok(value.clone())
}

pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// `[a b]` and `map[a:1]` for lists and objects.
pub(super) fn as_go_prints(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(as_go_prints).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(name, one)| format!("{name}:{}", as_go_prints(one))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}
