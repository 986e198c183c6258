//! All that `--help` says, for the template of the catalog: found in the commands themselves, so that a new flag is in it.

use super::super::Cli;
use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};
use std::collections::BTreeSet;

/// What clap says above arguments and commands that have no heading of their own.
const HEADINGS: [&str; 3] = ["Commands", "Arguments", "Options"];

/// What the standard library says of a value that is no number.
const OF_VALUES: [&str; 5] = [
    "invalid digit found in string",
    "cannot parse integer from empty string",
    "number too large to fit in target type",
    "number too small to fit in target type",
    "invalid float literal",
];

/// Each text once, with the command that says it first, as its manual page is named.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut whole = Cli::command();
    whole.build();
    let mut found = Found::default();
    for text in HEADINGS.into_iter().chain(OF_VALUES) {
        found.add("explore", text);
    }
    found.command("explore", &whole);
    found.texts
}

#[derive(Default)]
struct Found {
    texts: Vec<(String, String)>,
    known: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, place: &str, text: &str) {
        if !text.is_empty() && self.known.insert(text.to_owned()) {
            self.texts.push((place.to_owned(), text.to_owned()));
        }
    }

    fn styled(&mut self, place: &str, texts: impl IntoIterator<Item = Option<impl ToString>>) {
        for text in texts.into_iter().flatten() {
            self.add(place, &text.to_string());
        }
    }

    fn command(&mut self, place: &str, command: &Command) {
        let about: [Option<&StyledStr>; 2] = [command.get_about(), command.get_long_about()];
        self.styled(place, about);
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            self.argument(place, argument);
        }
        self.styled(place, [command.get_after_help(), command.get_after_long_help()]);
        for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
            self.command(&format!("{place}-{}", one.get_name()), one);
        }
    }

    fn argument(&mut self, place: &str, argument: &Arg) {
        self.styled(place, [argument.get_help_heading()]);
        self.styled(place, [argument.get_help(), argument.get_long_help()]);
        for value in argument.get_possible_values().iter().filter(|value| !value.is_hide_set()) {
            self.styled(place, [value.get_help()]);
        }
    }
}
