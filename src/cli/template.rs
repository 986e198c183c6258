//! `--format`: the simple part of Go's templates, as docker's commands take them. What is not part of it is refused by
//! name, never printed wrongly.

use serde_json::Value;

/// A template that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{{.A.B}}`
    Field(Vec<String>),
    /// `{{json .A.B}}`
    Json(Vec<String>),
}

/// What is wrong with a template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// The braces do not match.
    #[error("template parsing error: {0:?} is not closed by }}}}")]
    Open(String),
    /// More than explore understands.
    #[error("template parsing error: explore does not understand {{{{{0}}}}}")]
    Unknown(String),
    /// No such field.
    #[error("template: can't evaluate field {field}: there are {there}")]
    Field {
        /// What was asked for.
        field: String,
        /// What there is.
        there: String,
    },
}

impl crate::error::Explain for TemplateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(_) => Some("{{.Name}}, {{.State.Status}} and {{json .State}} are what it knows".into()),
            _ => None,
        }
    }
}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (action, behind) = after.split_once("}}").ok_or_else(|| TemplateError::Open(after.to_owned()))?;
            parts.push(Part::Text(unescape(before)));
            parts.push(action_of(action.trim()).ok_or_else(|| TemplateError::Unknown(action.trim().to_owned()))?);
            rest = behind;
        }
        parts.push(Part::Text(unescape(rest)));
        Ok(Self(parts))
    }
}

/// Tabs and newlines may be written as a shell can pass them on.
fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

fn action_of(action: &str) -> Option<Part> {
    if let Some(path) = action.strip_prefix("json ") {
        return Some(Part::Json(path_of(path.trim())?));
    }
    Some(Part::Field(path_of(action)?))
}

fn path_of(text: &str) -> Option<Vec<String>> {
    let path = text.strip_prefix('.')?;
    let good = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match path.split('.').map(str::to_owned).collect::<Vec<_>>() {
        _ if path.is_empty() => Some(Vec::new()),
        names if names.iter().all(|name| good(name)) => Some(names),
        _ => None,
    }
}

impl Template {
    /// The text for one value.
    ///
    /// # Errors
    /// [`TemplateError::Field`].
    pub(super) fn render(&self, value: &Value) -> Result<String, TemplateError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Field(path) => text.push_str(&as_go_prints(field(value, path)?)),
                Part::Json(path) => text.push_str(&field(value, path)?.to_string()),
            }
        }
        Ok(text)
    }

    /// The heading of a table: the names of the fields in capitals, as docker has them.
    pub(super) fn heading(&self, name: impl Fn(&str) -> String) -> String {
        let piece = |part: &Part| match part {
            Part::Text(plain) => plain.clone(),
            Part::Field(path) | Part::Json(path) => name(path.last().map_or("", String::as_str)),
        };
        self.0.iter().map(piece).collect()
    }
}

fn field<'a>(value: &'a Value, path: &[String]) -> Result<&'a Value, TemplateError> {
    path.iter().try_fold(value, |value, name| {
        value.get(name).ok_or_else(|| {
            let names = value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(", "));
            TemplateError::Field { field: name.clone(), there: names.unwrap_or_else(|| "none in it".into()) }
        })
    })
}

/// `[a b]` and `map[a:1]` for lists and objects.
fn as_go_prints(value: &Value) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str) -> Result<String, String> {
        let value = json!({ "Id": "1f", "State": { "Pid": 7, "On": true }, "Env": ["A=1", "B=2"], "No": null });
        let template: Template = template.parse().map_err(|error: TemplateError| error.to_string())?;
        template.render(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_known_is_printed_as_go_prints_it() {
        assert_eq!(render("{{.Id}}\\t{{ .State.Pid }} {{.State.On}}"), Ok("1f\t7 true".into()));
        assert_eq!(render("{{.Env}} {{.State}} {{.No}}"), Ok("[A=1 B=2] map[On:true Pid:7] <nil>".into()));
        assert_eq!(render("{{json .Env}}"), Ok("[\"A=1\",\"B=2\"]".into()));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (template, says) in [
            ("{{range .Env}}", "does not understand {{range .Env}}"),
            ("{{.Id", "is not closed"),
            ("{{.State.Nope}}", "can't evaluate field Nope: there are On, Pid"),
            ("{{Id}}", "does not understand {{Id}}"),
        ] {
            let told = render(template).unwrap_err();
            assert!(told.contains(says), "{told}");
        }
    }
}
