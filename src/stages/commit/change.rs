//! `--change`: lines of a Dockerfile that say how an image is to be run, without running anything.
//!
//! `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `HEALTHCHECK`, `LABEL`, `ONBUILD`, `STOPSIGNAL`, `USER`, `VOLUME`, `WORKDIR`,
//! read as Docker reads them (docs.docker.com/reference/dockerfile): a list of texts as JSON, or words in which quotes, `\`
//! and `$NAME` mean something.
//! HEALTHCHECK and ONBUILD are for other engines: nothing here heeds them. Left out: the options of HEALTHCHECK, and
//! `${NAME:-default}`.

use super::config::{set, strings};
use crate::error::Explain;
use crate::stages::exit::Signal;
use crate::stages::network::publish;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// What a change may be.
const KNOWN: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In capitals; empty for a line that says nothing.
    name: String,
    /// What follows it.
    rest: String,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another instruction, or none at all.
    #[error("{0} is not a valid change command")]
    Unknown(String),
    /// Its words.
    #[error("--change {given:?}: {why}")]
    Words {
        /// The line.
        given: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Explain for ChangeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(_) => Some(format!("a change is one of {}: `--change 'ENV NAME=VALUE'`", KNOWN.join(", "))),
            Self::Words { .. } => None,
        }
    }
}

impl FromStr for Change {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let line = text.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self { name: String::new(), rest: String::new() });
        }
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let upper = name.to_ascii_uppercase();
        if !KNOWN.contains(&upper.as_str()) {
            return Err(ChangeError::Unknown(name.to_ascii_lowercase()));
        }
        Ok(Self { name: upper, rest: rest.trim().to_owned() })
    }
}

/// Makes the changes, in their order.
pub(super) fn apply(changes: &[Change], config: &mut Map<String, Value>) -> Result<(), ChangeError> {
    let before = strings(config, "Cmd");
    for change in changes {
        change.apply(config)?;
        // A command was written for its entry point: with a new one it goes, unless it is new too.
        let is_new = changes.iter().any(|one| one.name == "CMD");
        if change.name == "ENTRYPOINT" && !is_new {
            config.remove("Cmd");
        }
    }
    // Nothing at all to run is not a wish (moby daemon/commit.go, `merge`).
    if strings(config, "Cmd").is_empty() && strings(config, "Entrypoint").is_empty() {
        set(config, "Cmd", json!(before));
    }
    Ok(())
}

impl Change {
    fn apply(&self, config: &mut Map<String, Value>) -> Result<(), ChangeError> {
        match self.name.as_str() {
            "CMD" => set(config, "Cmd", json!(self.command())),
            "ENTRYPOINT" => set(config, "Entrypoint", json!(self.command())),
            "ENV" => {
                let mut env = strings(config, "Env");
                for (name, value) in self.pairs(&env)? {
                    let word = format!("{name}={value}");
                    match env.iter_mut().find(|one| one.split_once('=').is_some_and(|(old, _)| old == name)) {
                        Some(old) => *old = word,
                        None => env.push(word),
                    }
                }
                set(config, "Env", json!(env));
            }
            "LABEL" => {
                let pairs = self.pairs(&strings(config, "Env"))?;
                self.map(config, "Labels")?.extend(pairs.into_iter().map(|(name, value)| (name, json!(value))));
            }
            "EXPOSE" => {
                let ports = self
                    .some_words(config)?
                    .into_iter()
                    .map(|word| publish::ports(&word).map_err(|why| self.wrong(why)));
                let ports = ports.collect::<Result<Vec<_>, _>>()?.concat();
                self.map(config, "ExposedPorts")?.extend(ports.iter().map(|port| (port.to_string(), json!({}))));
            }
            "VOLUME" => {
                let words = self.list().map_or_else(|| self.some_words(config), Ok)?;
                self.map(config, "Volumes")?.extend(words.into_iter().map(|word| (word, json!({}))));
            }
            "HEALTHCHECK" => set(config, "Healthcheck", json!({ "Test": self.test()? })),
            "ONBUILD" => {
                let mut later = strings(config, "OnBuild");
                later.push(self.later()?);
                set(config, "OnBuild", json!(later));
            }
            "USER" => set(config, "User", json!(self.one_word(config)?)),
            "STOPSIGNAL" => {
                let word = self.one_word(config)?;
                word.parse::<Signal>().map_err(|error| self.wrong(error.to_string()))?;
                set(config, "StopSignal", json!(word));
            }
            "WORKDIR" => {
                let old = config.get("WorkingDir").and_then(Value::as_str).unwrap_or("/").to_owned();
                let new = Path::new("/").join(old).join(self.one_word(config)?);
                set(config, "WorkingDir", json!(new));
            }
            _ => {}
        }
        Ok(())
    }

    /// `NONE`, or `CMD` with a list or with words for the shell.
    fn test(&self) -> Result<Vec<String>, ChangeError> {
        let (kind, rest) = self.rest.split_once(char::is_whitespace).unwrap_or((&self.rest, ""));
        let command = Self { name: String::new(), rest: rest.trim().to_owned() };
        match kind.to_ascii_uppercase().as_str() {
            "NONE" if command.rest.is_empty() => Ok(vec!["NONE".to_owned()]),
            "NONE" => Err(self.wrong("HEALTHCHECK NONE takes no arguments")),
            "CMD" if command.rest.is_empty() => Err(self.wrong("missing command after HEALTHCHECK CMD")),
            "CMD" => Ok(match command.list() {
                Some(list) => std::iter::once("CMD".to_owned()).chain(list).collect(),
                None => vec!["CMD-SHELL".to_owned(), command.rest],
            }),
            _ => Err(self.wrong("only HEALTHCHECK NONE and HEALTHCHECK CMD are known here")),
        }
    }

    /// What a build on top of the image is to do first.
    fn later(&self) -> Result<String, ChangeError> {
        let name = self.rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "" => Err(self.wrong(format!("{} requires at least one argument", self.name))),
            "ONBUILD" => Err(self.wrong("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
            "FROM" | "MAINTAINER" => Err(self.wrong(format!("{name} isn't allowed as an ONBUILD trigger"))),
            _ => Ok(self.rest.clone()),
        }
    }

    fn wrong(&self, why: impl Into<String>) -> ChangeError {
        ChangeError::Words { given: format!("{} {}", self.name, self.rest), why: why.into() }
    }

    /// An object of the config, to be added to.
    fn map<'a>(
        &self,
        config: &'a mut Map<String, Value>,
        key: &str,
    ) -> Result<&'a mut Map<String, Value>, ChangeError> {
        let entry = config.entry(key).or_insert_with(|| json!({}));
        if entry.is_null() {
            *entry = json!({});
        }
        entry.as_object_mut().ok_or_else(|| self.wrong(format!("the image's {key} is no object")))
    }

    /// `["a", "b"]`.
    fn list(&self) -> Option<Vec<String>> {
        self.rest.starts_with('[').then(|| serde_json::from_str(&self.rest).ok()).flatten()
    }

    /// A list is the command itself, anything else is for the shell.
    fn command(&self) -> Vec<String> {
        match self.list() {
            Some(list) => list,
            None if self.rest.is_empty() => Vec::new(),
            None => vec!["/bin/sh".to_owned(), "-c".to_owned(), self.rest.clone()],
        }
    }

    fn some_words(&self, config: &Map<String, Value>) -> Result<Vec<String>, ChangeError> {
        let words = words(&self.rest, &strings(config, "Env")).map_err(|why| self.wrong(why))?;
        if words.is_empty() {
            Err(self.wrong(format!("{} requires at least one argument", self.name)))
        } else {
            Ok(words)
        }
    }

    fn one_word(&self, config: &Map<String, Value>) -> Result<String, ChangeError> {
        match self.some_words(config) {
            Ok(words) if words.len() == 1 => Ok(words.concat()),
            Ok(_) => Err(self.wrong(format!("{} requires exactly one argument", self.name))),
            Err(error) => Err(error),
        }
    }

    /// `A=1 B="2 3"`, or `A the rest`.
    fn pairs(&self, env: &[String]) -> Result<Vec<(String, String)>, ChangeError> {
        let all = words(&self.rest, env).map_err(|why| self.wrong(why))?;
        let Some(first) = all.first() else {
            return Err(self.wrong(format!("{} requires at least one argument", self.name)));
        };
        if !first.contains('=') {
            let (name, value) = self
                .rest
                .split_once(char::is_whitespace)
                .ok_or_else(|| self.wrong(format!("{} must have two arguments", self.name)))?;
            let value = words(&format!("\"{}\"", value.trim()), env).map_err(|why| self.wrong(why))?.concat();
            return Ok(vec![(name.to_owned(), value)]);
        }
        let pair = |word: &String| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(self.wrong(format!("{word:?} is not NAME=VALUE"))),
        };
        all.iter().map(pair).collect()
    }
}

/// Words as a Dockerfile has them: parted by blanks outside of quotes; `$NAME` and `${NAME}` outside of single quotes.
fn words(text: &str, env: &[String]) -> Result<Vec<String>, String> {
    let known: BTreeMap<&str, &str> = env.iter().filter_map(|one| one.split_once('=')).collect();
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut quote = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (' ' | '\t', None) => words.extend(word.take()),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            ('$', None | Some('"')) => {
                let braced = letters.next_if_eq(&'{').is_some();
                let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
                let name: String = std::iter::from_fn(|| letters.next_if(is_part)).collect();
                if braced && letters.next() != Some('}') {
                    return Err("only $NAME and ${NAME} are known here".to_owned());
                }
                let value = if name.is_empty() { "$" } else { known.get(name.as_str()).copied().unwrap_or_default() };
                word.get_or_insert_default().push_str(value);
            }
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &[&str]) -> Result<Value, String> {
        let mut config = json!({ "Cmd": ["old"], "Env": ["PATH=/bin", "A=1"] }).as_object().unwrap().clone();
        let changes = changes.iter().map(|one| one.parse()).collect::<Result<Vec<Change>, _>>();
        changes.and_then(|changes| apply(&changes, &mut config)).map_err(|error| error.to_string())?;
        Ok(Value::Object(config))
    }

    /// Each row was given to `docker commit --change` (20.10.24).
    #[test]
    fn a_change_says_what_it_says_to_docker() {
        let table = [
            (&["CMD [\"a\", \"b\"]"][..], "Cmd", json!(["a", "b"])),
            (&["cmd a b"], "Cmd", json!(["/bin/sh", "-c", "a b"])),
            (&["CMD"], "Cmd", json!(["old"])),
            (&["ENTRYPOINT [\"e\"]"], "Cmd", Value::Null),
            (&["ENTRYPOINT [\"e\"]", "CMD [\"c\"]"], "Cmd", json!(["c"])),
            (&["CMD [\"c\"]", "ENTRYPOINT [\"e\"]"], "Cmd", json!(["c"])),
            (
                &["ENV PATH=$PATH:/opt B=\"x y\" C='$A' D=${A}0"],
                "Env",
                json!(["PATH=/bin:/opt", "A=1", "B=x y", "C=$A", "D=10"]),
            ),
            (&["ENV A some  text"], "Env", json!(["PATH=/bin", "A=some  text"])),
            (&["EXPOSE 80 53/udp"], "ExposedPorts", json!({ "80/tcp": {}, "53/udp": {} })),
            (&["LABEL a=b \"c d\"=e"], "Labels", json!({ "a": "b", "c d": "e" })),
            (&["USER me:us"], "User", json!("me:us")),
            (&["VOLUME [\"/a\", \"/b\"]", "VOLUME /c"], "Volumes", json!({ "/a": {}, "/b": {}, "/c": {} })),
            (&["WORKDIR /a", "WORKDIR b"], "WorkingDir", json!("/a/b")),
            (&["HEALTHCHECK NONE"], "Healthcheck", json!({ "Test": ["NONE"] })),
            (&["HEALTHCHECK CMD ls /"], "Healthcheck", json!({ "Test": ["CMD-SHELL", "ls /"] })),
            (&["HEALTHCHECK cmd [\"ls\"]"], "Healthcheck", json!({ "Test": ["CMD", "ls"] })),
            (&["ONBUILD RUN a", "onbuild CMD b"], "OnBuild", json!(["RUN a", "CMD b"])),
            (&["STOPSIGNAL SIGUSR1", "# nothing", ""], "StopSignal", json!("SIGUSR1")),
        ];
        for (changes, key, expected) in table {
            assert_eq!(after(changes).unwrap().get(key).cloned().unwrap_or_default(), expected, "{changes:?}");
        }
    }

    #[test]
    fn what_is_no_change_is_refused_with_its_line() {
        for (change, why) in [
            ("FOO x", "foo is not a valid change command"),
            ("RUN ls", "run is not a valid change command"),
            ("ENV A", "must have two arguments"),
            ("ENV A=\"b", "a quote is not closed"),
            ("LABEL a=b c", "\"c\" is not NAME=VALUE"),
            ("EXPOSE", "requires at least one argument"),
            ("EXPOSE abc", "EXPOSE abc"),
            ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("HEALTHCHECK NONE x", "takes no arguments"),
            ("HEALTHCHECK --interval=1s CMD x", "only HEALTHCHECK NONE and HEALTHCHECK CMD"),
            ("USER a b", "requires exactly one argument"),
            ("STOPSIGNAL NOSUCH", "invalid signal: NOSUCH"),
            ("ENV A=${B:-c}", "only $NAME and ${NAME}"),
        ] {
            let error = after(&[change]).unwrap_err();
            assert!(error.contains(why), "{change}: {error}");
        }
    }
}
