//! `--format`: Go's templates, as docker's commands take them. What is not understood is refused by name, never printed
//! wrongly.
//!
//! Left out: `define`, `template`, `block`, `break`, `continue`, functions that nobody needs for a line of text.

mod eval;
mod function;
mod nil;
mod parse;

use eval::Scope;
use parse::{Operand, Part, Pipe};
use serde_json::Value;

/// A template that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

/// What is wrong with a template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// The braces do not match.
    #[error("template parsing error: {0:?} is not closed by }}}}")]
    Open(String),
    /// `{{if …}}` without its end.
    #[error("template parsing error: {{{{{0}}}}} has no {{{{end}}}}")]
    NoEnd(String),
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
    /// It does not fit what is there.
    #[error("template: {0}")]
    Value(String),
}

impl crate::error::Explain for TemplateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(_) => Some(
                "{{.State.Status}}, {{json .State}}, {{range .Mounts}}{{.Source}} {{end}}, {{if .State.Running}}up{{end}}, \
                 {{index .Config.Labels \"name\"}}: with these words nearly all can be said"
                    .into(),
            ),
            _ => None,
        }
    }
}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(Self)
    }
}

impl Template {
    /// The text for one value.
    ///
    /// # Errors
    /// [`TemplateError::Field`], [`TemplateError::Value`].
    pub(super) fn render(&self, value: &Value) -> Result<String, TemplateError> {
        let mut text = String::new();
        Scope::of(value).render(&self.0, &mut text)?;
        Ok(text)
    }

    /// The heading of a table: the names of the fields in capitals, as docker has them.
    pub(super) fn heading(&self, name: impl Fn(&str) -> String) -> String {
        heading(&self.0, &name)
    }
}

fn heading(parts: &[Part], name: &dyn Fn(&str) -> String) -> String {
    let piece = |part: &Part| match part {
        Part::Text(plain) => plain.clone(),
        Part::Print(None, pipe) => named(pipe).map(name).unwrap_or_default(),
        Part::Print(Some(_), _) => String::new(),
        Part::If(_, then, _) | Part::With(_, then, _) | Part::Range(_, _, then, _) => heading(then, name),
    };
    parts.iter().map(piece).collect()
}

/// The field that a pipe is about.
fn named(pipe: &Pipe) -> Option<&str> {
    pipe.iter().flatten().find_map(|operand| match operand {
        Operand::Dot(path) => path.last().map(String::as_str),
        Operand::Group(inner, _) => named(inner),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str) -> Result<String, String> {
        let value = json!({
            "Id": "1f2e3d", "State": { "Pid": 7, "On": true }, "Env": ["A=1", "B=2"], "No": null, "Labels": "a=1,b=2",
            "Networks": { "back": { "IP": "10.0.0.2" }, "front": { "IP": "10.1.0.2" } }, "Map": { "80/tcp": [{ "P": "8080" }] },
        });
        let template: Template = template.parse().map_err(|error: TemplateError| error.to_string())?;
        template.render(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_known_is_printed_as_go_prints_it() {
        for (template, text) in [
            ("{{.Id}}\\t{{ .State.Pid }} {{.State.On}}", "1f2e3d\t7 true"),
            ("{{.Env}} {{.State}} {{.No}}", "[A=1 B=2] map[On:true Pid:7] <nil>"),
            ("{{json .Env}}", "[\"A=1\",\"B=2\"]"),
            ("{{range .Networks}}{{.IP}} {{end}}", "10.0.0.2 10.1.0.2 "),
            ("{{range $name, $it := .Networks}}{{$name}}={{$it.IP}};{{end}}", "back=10.0.0.2;front=10.1.0.2;"),
            ("{{range $at, $one := .Env}}{{if $at}},{{end}}{{$one}}{{end}}", "A=1,B=2"),
            ("{{range .No}}x{{else}}none{{end}}", "none"),
            ("{{range .Env}}{{println .}}{{end}}", "A=1\nB=2\n"),
            ("{{if .State.On}}up{{else}}down{{end}}", "up"),
            ("{{if .State.Nope}}up{{else if eq .Id \"1f2e3d\"}}it{{else}}down{{end}}", "it"),
            ("{{with .State}}{{.Pid}} {{$.Id}}{{end}}", "7 1f2e3d"),
            ("{{(index (index .Map \"80/tcp\") 0).P}}", "8080"),
            ("{{index .Env 1}} {{len .Env}} {{.Id | upper}}", "B=2 2 1F2E3D"),
            (
                "{{join .Env \",\"}} {{.Env | json}} {{printf \"%.3s|%-4d|%q\" .Id .State.Pid .Id}}",
                "A=1,B=2 [\"A=1\",\"B=2\"] 1f2|7   |\"1f2e3d\"",
            ),
            ("a {{- /* b */ -}} c", "ac"),
            ("{{$x := .Id}}{{truncate $x 2}}", "1f"),
            ("{{and .State.On (not .No)}} {{or .No \"x\"}} {{ne .Id \"y\"}} {{gt .State.Pid 3}}", "true x true true"),
            ("{{.Label \"b\"}}", "2"),
            ("{{title \"so it is\"}} {{split \"a/b\" \"/\"}}", "So It Is [a b]"),
            ("{{\"}}\"}}", "}}"),
        ] {
            assert_eq!(render(template), Ok(text.to_owned()), "{template}");
        }
    }

    #[test]
    fn what_is_nothing_is_printed_by_its_type() {
        let value = json!({ "Config": { "Labels": { "a": "1" }, "Entrypoint": null, "Volumes": null }, "Init": null,
            "Options": null, "Ports": {} });
        for (template, text) in [
            ("{{.Config.Labels.a}} {{.Config.Labels.b}}", "1 <no value>"),
            ("{{index .Config.Labels \"b\"}}|{{index .Options \"b\"}}|{{index .Ports \"80/tcp\"}}", "||[]"),
            ("{{.Config.Entrypoint}} {{.Config.Volumes}} {{.Init}} {{.Options}}", "[] map[] <nil> map[]"),
            ("{{json .Config.Entrypoint}} {{len .Config.Volumes}}{{range .Options}}x{{end}}", "null 0"),
            ("{{with .Config}}{{.Entrypoint}}{{end}}{{if .Config.Labels.b}}x{{end}}", "[]"),
        ] {
            let understood: Template = template.parse().unwrap();
            assert_eq!(understood.render(&value), Ok(text.to_owned()), "{template}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (template, says) in [
            ("{{range .Env}}", "{{range .Env}} has no {{end}}"),
            ("{{end}}", "does not understand {{end}}"),
            ("{{.Id", "is not closed"),
            ("{{.State.Nope}}", "can't evaluate field Nope: there are On, Pid"),
            ("{{Id}}", "does not understand {{Id}}"),
            ("{{define \"x\"}}{{end}}", "does not understand {{define \"x\"}}"),
            ("{{index .Env 7}}", "index out of range: 7"),
            ("{{$x}}", "undefined variable \"$x\""),
            ("{{range .Id}}{{end}}", "range can't iterate over 1f2e3d"),
            ("{{}}", "does not understand {{}}"),
            ("{{(.Id}}", "does not understand {{(.Id}}"),
        ] {
            let told = render(template).unwrap_err();
            assert!(told.contains(says), "{template}: {told}");
        }
    }

    #[test]
    fn a_heading_is_made_of_the_fields() {
        let template: Template = "{{.Id}}\\t{{upper .State}}{{if .No}}\\t{{.No}}{{end}}".parse().unwrap();
        assert_eq!(template.heading(str::to_uppercase), "ID\tSTATE\tNO");
    }
}
