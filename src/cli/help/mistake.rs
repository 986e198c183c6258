//! Why clap refuses a command line, as a sentence of the catalog: the kind of the error, and the words that it is about.

use super::{POSSIBLE_VALUES, usage};
use crate::lesson::catalog::Catalog;
use crate::lesson::words::Word;
use clap::builder::Styles;
use clap::builder::styling::Style;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;

/// An error of clap, and how it is told.
pub(super) struct Mistake<'a> {
    pub(super) error: &'a clap::Error,
    pub(super) catalog: &'a Catalog,
    pub(super) styles: &'a Styles,
}

impl Mistake<'_> {
    /// As clap lays it out: what is wrong, tips, the usage, the way to the help.
    pub(super) fn told(&self) -> String {
        let label = painted(*self.styles.get_error(), &self.say("error:", &[]));
        let mut text = format!("{label}{}{}", self.wrong(), self.tips());
        if let Some(ContextValue::StyledStr(shown)) = self.error.get(ContextKind::Usage) {
            text.push_str("\n\n");
            text.push_str(&usage(&shown.ansi().to_string(), self.styles, self.catalog));
        }
        let help = painted(*self.styles.get_literal(), "--help");
        format!("{text}\n\n{}\n", self.say("For more information, try '{help}'.", &[("help", &help)]))
    }

    fn say(&self, english: &'static str, values: &[(&str, &str)]) -> String {
        self.catalog.say(Word(english), values)
    }

    /// A word of the context: the wrong one is yellow, the one that it stands beside bold.
    fn word(&self, kind: ContextKind) -> Option<String> {
        match self.error.get(kind)? {
            ContextValue::String(word) => Some(word.clone()),
            ContextValue::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn bad(&self, kind: ContextKind) -> String {
        self.word(kind).map(|word| painted(*self.styles.get_invalid(), &word)).unwrap_or_default()
    }

    fn named(&self, kind: ContextKind) -> String {
        self.word(kind).map(|word| painted(*self.styles.get_literal(), &word)).unwrap_or_default()
    }

    fn wrong(&self) -> String {
        use ContextKind::{ActualNumValues, ExpectedNumValues, InvalidArg, InvalidSubcommand, InvalidValue, MinValues};
        let (bad, named) = (self.bad(InvalidArg), self.named(InvalidArg));
        let (command, value) = (self.bad(InvalidSubcommand), self.bad(InvalidValue));
        let (argument, number) = ([("argument", &*named), ("value", &*value)], self.bad(ActualNumValues));
        match self.error.kind() {
            ErrorKind::UnknownArgument => self.say("unexpected argument '{argument}' found", &[("argument", &bad)]),
            ErrorKind::ArgumentConflict => self.conflict(),
            ErrorKind::NoEquals => {
                self.say("equal sign is needed when assigning values to '{argument}'", &[("argument", &bad)])
            }
            ErrorKind::InvalidValue => self.value(&bad, &argument),
            ErrorKind::InvalidSubcommand => self.say("unrecognized subcommand '{command}'", &[("command", &command)]),
            ErrorKind::MissingRequiredArgument => {
                self.say("the following required arguments were not provided:", &[]) + &self.lines(InvalidArg, true)
            }
            ErrorKind::MissingSubcommand => {
                let says = "'{command}' requires a subcommand but one was not provided";
                self.say(says, &[("command", &command)])
                    + &self.choice(ContextKind::ValidSubcommand, "[subcommands: {values}]")
            }
            ErrorKind::InvalidUtf8 => self.say("invalid UTF-8 was detected in one or more arguments", &[]),
            ErrorKind::TooManyValues => {
                self.say("unexpected value '{value}' for '{argument}' found; no more were expected", &argument)
            }
            ErrorKind::TooFewValues => self.say(
                "{least} values required by '{argument}'; only {number} were provided",
                &[("least", &self.named(MinValues)), ("argument", &named), ("number", &number)],
            ),
            ErrorKind::WrongNumberOfValues => self.say(
                "{wanted} values required for '{argument}' but {number} were provided",
                &[("wanted", &self.named(ExpectedNumValues)), ("argument", &named), ("number", &number)],
            ),
            ErrorKind::ValueValidation => {
                self.say("invalid value '{value}' for '{argument}'", &argument) + &self.because()
            }
            other => self.catalog.sentence(&other.to_string()),
        }
    }

    fn conflict(&self) -> String {
        let first = self.word(ContextKind::InvalidArg);
        if first.is_some() && first == self.word(ContextKind::PriorArg) {
            let argument = self.bad(ContextKind::InvalidArg);
            return self.say("the argument '{argument}' cannot be used multiple times", &[("argument", &argument)]);
        }
        let wrong = first.or_else(|| self.word(ContextKind::InvalidSubcommand)).unwrap_or_default();
        let wrong = painted(*self.styles.get_invalid(), &wrong);
        match self.error.get(ContextKind::PriorArg) {
            Some(ContextValue::String(_)) => {
                let other = self.bad(ContextKind::PriorArg);
                self.say("'{one}' cannot be used with '{other}'", &[("one", &wrong), ("other", &other)])
            }
            Some(ContextValue::Strings(_)) => {
                let lines = self.lines(ContextKind::PriorArg, false);
                self.say("'{one}' cannot be used with:", &[("one", &wrong)]) + &lines
            }
            _ => {
                self.say("'{one}' cannot be used with one or more of the other specified arguments", &[("one", &wrong)])
            }
        }
    }

    fn value(&self, bad: &str, argument: &[(&str, &str)]) -> String {
        let says = if self.word(ContextKind::InvalidValue).is_none_or(|value| value.is_empty()) {
            self.say("a value is required for '{argument}' but none was supplied", &[("argument", bad)])
        } else {
            self.say("invalid value '{value}' for '{argument}'", argument)
        };
        says + &self.choice(ContextKind::ValidValue, POSSIBLE_VALUES.english())
    }

    fn choice(&self, kind: ContextKind, english: &'static str) -> String {
        match self.error.get(kind) {
            Some(ContextValue::Strings(words)) if !words.is_empty() => {
                format!("\n  {}", self.say(english, &[("values", &self.list(words))]))
            }
            _ => String::new(),
        }
    }

    /// What the parser of a value says: ours, the standard library's, clap's of a range.
    fn because(&self) -> String {
        let Some(why) = self.error.source().map(ToString::to_string) else { return String::new() };
        let why = match why.split_once(" is not in ") {
            Some((value, range)) => self.say("{value} is not within {range}", &[("value", value), ("range", range)]),
            None => self.catalog.sentence(&why),
        };
        self.catalog.colon("", &why)
    }

    fn lines(&self, kind: ContextKind, is_right: bool) -> String {
        let style = if is_right { self.styles.get_valid() } else { self.styles.get_invalid() };
        let Some(ContextValue::Strings(words)) = self.error.get(kind) else { return String::new() };
        words.iter().map(|word| format!("\n  {}", painted(*style, word))).collect()
    }

    fn list(&self, words: &[String]) -> String {
        let right = *self.styles.get_valid();
        self.catalog.list(&words.iter().map(|word| painted(right, word)).collect::<Vec<_>>())
    }

    fn tips(&self) -> String {
        use ContextKind::{SuggestedArg, SuggestedSubcommand, SuggestedValue};
        let similar = [
            (SuggestedSubcommand, "a similar subcommand exists: {names}"),
            (SuggestedArg, "a similar argument exists: {names}"),
            (SuggestedValue, "a similar value exists: {names}"),
        ];
        let mut tips = Vec::new();
        for (kind, english) in similar {
            let names = match self.error.get(kind) {
                Some(ContextValue::String(name)) => self.list(std::slice::from_ref(name)),
                Some(ContextValue::Strings(names)) if !names.is_empty() => self.list(names),
                _ => continue,
            };
            tips.push(self.say(english, &[("names", &names)]));
        }
        if let Some(ContextValue::StyledStrs(others)) = self.error.get(ContextKind::Suggested) {
            tips.extend(others.iter().map(|tip| self.tip(&tip.to_string())));
        }
        let label = painted(*self.styles.get_valid(), &self.say("tip:", &[]));
        let lines: String = tips.iter().map(|tip| format!("\n  {label}{tip}")).collect();
        if lines.is_empty() { lines } else { format!("\n{lines}") }
    }

    /// A tip that clap has finished, which has what it is about in quotation marks.
    fn tip(&self, english: &str) -> String {
        let right = *self.styles.get_valid();
        let quoted: Vec<&str> = english.split('\'').skip(1).step_by(2).collect();
        match *quoted {
            [word, way] if english.starts_with("to pass ") => {
                let values = [("argument", word), ("way", &painted(right, way))];
                self.say("to pass '{argument}' as a value, use '{way}'", &values)
            }
            [command, _] if english.starts_with("subcommand ") => {
                let english = "subcommand '{command}' exists; to use it, remove the '--' before it";
                self.say(english, &[("command", &painted(right, command))])
            }
            [way] => self.say("'{way}' exists", &[("way", &painted(right, way))]),
            _ => english.to_owned(),
        }
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
