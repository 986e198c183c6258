//! The functions of templates.

use super::TemplateError;
use super::eval::{as_go_prints, is_true};
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Write;

type Found = Result<Value, TemplateError>;

pub(super) fn call(name: &str, arguments: &[Value]) -> Found {
    let wrong = || TemplateError::Value(format!("wrong number or kind of arguments for {name}"));
    let text = |at: usize| arguments.get(at).and_then(Value::as_str).ok_or_else(wrong);
    let number =
        |at: usize| arguments.get(at).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok()).ok_or_else(wrong);
    let first = arguments.first();
    Ok(match name {
        "json" => first.ok_or_else(wrong)?.to_string().into(),
        "upper" => text(0)?.to_uppercase().into(),
        "lower" => text(0)?.to_lowercase().into(),
        "title" => title(text(0)?).into(),
        "split" => text(0)?.split(text(1)?).collect::<Vec<_>>().into(),
        "join" => {
            let list = first.and_then(Value::as_array).ok_or_else(wrong)?;
            list.iter().map(as_go_prints).collect::<Vec<_>>().join(text(1)?).into()
        }
        "pad" => match text(0)? {
            "" => "".into(),
            it => format!("{}{it}{}", " ".repeat(number(1)?.min(1024)), " ".repeat(number(2)?.min(1024))).into(),
        },
        "truncate" => text(0)?.chars().take(number(1)?).collect::<String>().into(),
        "len" => length(first.ok_or_else(wrong)?).ok_or_else(wrong)?.into(),
        "index" => index(first.ok_or_else(wrong)?, &arguments[1..])?,
        "print" => arguments.iter().map(as_go_prints).collect::<String>().into(),
        "println" => (arguments.iter().map(as_go_prints).collect::<Vec<_>>().join(" ") + "\n").into(),
        "printf" => printf(text(0)?, &arguments[1..]).into(),
        "not" => (!is_true(first.ok_or_else(wrong)?)).into(),
        "and" => choose(arguments, |one| !is_true(one)).ok_or_else(wrong)?,
        "or" => choose(arguments, is_true).ok_or_else(wrong)?,
        "eq" if arguments.len() > 1 => arguments[1..].iter().any(|other| Some(other) == first).into(),
        "ne" | "lt" | "le" | "gt" | "ge" if arguments.len() == 2 => compare(name, &arguments[0], &arguments[1])?.into(),
        _ => return Err(wrong()),
    })
}

fn title(text: &str) -> String {
    let mut before = ' ';
    let mut raise = |one: char| {
        let raised = if before.is_alphanumeric() { one } else { one.to_ascii_uppercase() };
        before = one;
        raised
    };
    text.chars().map(&mut raise).collect()
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.len()),
        Value::Array(list) => Some(list.len()),
        Value::Object(map) => Some(map.len()),
        Value::Null => Some(0),
        _ => None,
    }
}

/// What is not in a map is nothing; what is not in a list is a mistake.
fn index(value: &Value, path: &[Value]) -> Found {
    let mut value = value.clone();
    for key in path {
        value = match (&value, key) {
            (Value::Object(map), Value::String(name)) => map.get(name).cloned().unwrap_or(Value::Null),
            (Value::Array(list), Value::Number(at)) => {
                let found = at.as_u64().and_then(|at| list.get(usize::try_from(at).ok()?));
                found
                    .cloned()
                    .ok_or_else(|| TemplateError::Value(format!("error calling index: index out of range: {at}")))?
            }
            (Value::Null, _) => return Err(TemplateError::Value("error calling index: index of untyped nil".into())),
            (other, _) => {
                let text = format!("error calling index: can't index {} with {key}", as_go_prints(other));
                return Err(TemplateError::Value(text));
            }
        };
    }
    Ok(value)
}

/// The first that ends it, else the last.
fn choose(arguments: &[Value], ends: impl Fn(&Value) -> bool) -> Option<Value> {
    arguments.iter().find(|one| ends(one)).or(arguments.last()).cloned()
}

fn compare(name: &str, one: &Value, other: &Value) -> Result<bool, TemplateError> {
    let order = match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64().partial_cmp(&other.as_f64()),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    };
    match (name, order) {
        ("ne", _) => Ok(one != other),
        ("lt", Some(order)) => Ok(order == Ordering::Less),
        ("le", Some(order)) => Ok(order != Ordering::Greater),
        ("gt", Some(order)) => Ok(order == Ordering::Greater),
        ("ge", Some(order)) => Ok(order != Ordering::Less),
        _ => Err(TemplateError::Value(format!("error calling {name}: incompatible types for comparison"))),
    }
}

/// `%s`, `%v`, `%d`, `%q`, with a width, a precision, and `-` for the left side.
fn printf(format: &str, arguments: &[Value]) -> String {
    let (mut text, mut rest, mut arguments) = (String::new(), format, arguments.iter());
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let Some(at) = after.find(|one: char| !one.is_ascii_digit() && one != '-' && one != '.') else {
            text.push_str("%!(NOVERB)");
            return text;
        };
        let verb = after[at..].chars().next().unwrap_or('%');
        rest = &after[at + verb.len_utf8()..];
        if verb == '%' {
            text.push('%');
            continue;
        }
        let Some(value) = arguments.next() else {
            let _ = write!(text, "%!{verb}(MISSING)");
            continue;
        };
        let shown = if verb == 'q' { Value::from(as_go_prints(value)).to_string() } else { as_go_prints(value) };
        text.push_str(&laid_out(&shown, &after[..at]));
    }
    text + rest
}

fn laid_out(text: &str, how: &str) -> String {
    let (left, how) = how.strip_prefix('-').map_or((false, how), |how| (true, how));
    let (width, precision) = how.split_once('.').map_or((how, None), |(width, cut)| (width, cut.parse().ok()));
    let text: String = text.chars().take(precision.unwrap_or(usize::MAX)).collect();
    let width = width.parse::<usize>().unwrap_or(0).min(1024);
    if left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}
