//! What clap says, in the reader's language: `--help`, and why a command line is wrong. clap knows English alone, so it parses
//! as ever, and what it answers is said anew with the words of the catalog. For a reader of English nothing of this runs.
//!
//! Not here: manual pages and what a shell completes with. Both are written once for everybody, and stay English.

mod mistake;
mod texts;
mod wide;

pub(crate) use texts::all as texts;

use super::{Cli, screen};
use crate::lesson::catalog::{Catalog, Language};
use crate::lesson::words::Word;
use clap::builder::{PossibleValue, PossibleValuesParser, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorFormatter, ErrorKind};
use clap::{Arg, Command, CommandFactory};

/// The widest that a page becomes: `max_term_width` of the English one, and what clap takes a pipe for.
const WIDEST: usize = 100;

/// Below that the second column goes under the first: clap would leave it room for a character or two a line.
const NARROW: usize = 60;

/// An answer whose text is finished.
pub(super) struct Finished;

impl ErrorFormatter for Finished {
    fn format_error(error: &clap::error::Error<Self>) -> StyledStr {
        match error.get(ContextKind::Custom) {
            Some(ContextValue::StyledStr(text)) => text.clone(),
            _ => StyledStr::new(),
        }
    }
}

/// The same answer in the language, for the same stream and as colourful; none where clap's own will do.
pub(super) fn answer(error: &clap::Error, language: Language) -> Option<clap::error::Error<Finished>> {
    let is_said_as_it_is = language == Language::English || error.kind() == ErrorKind::DisplayVersion;
    if is_said_as_it_is { None } else { answer_by(error, &Catalog::of(language)) }
}

fn answer_by(error: &clap::Error, catalog: &Catalog) -> Option<clap::error::Error<Finished>> {
    let mut command = Cli::command();
    let text = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            command.build();
            page(error, &mut command, catalog)?
        }
        _ => mistake::Mistake { error, catalog, styles: command.get_styles() }.told(),
    };
    let mut answer = clap::error::Error::<Finished>::new(error.kind()).with_cmd(&command);
    answer.insert(ContextKind::Custom, ContextValue::StyledStr(text.into()));
    Some(answer)
}

/// The page of help that clap has answered with.
fn page(error: &clap::Error, whole: &mut Command, catalog: &Catalog) -> Option<String> {
    let english = error.render().to_string();
    let command = asked(whole, &english)?;
    let is_long = command.render_help().to_string() != english;
    let mut command = translated(std::mem::take(command), is_long, catalog);
    let text = if is_long { command.render_long_help() } else { command.render_help() };
    Some(wide::close(&headed(&text.ansi().to_string(), &command, catalog)))
}

/// The command whose help it is: clap does not tell, but its usage names it.
fn asked<'c>(whole: &'c mut Command, english: &str) -> Option<&'c mut Command> {
    let usage = english.lines().find_map(|line| line.strip_prefix("Usage: explore"))?;
    let mut command = whole;
    for word in usage.split_whitespace() {
        if command.find_subcommand(word).is_none() {
            break;
        }
        command = command.find_subcommand_mut(word)?;
    }
    Some(command)
}

fn translated(command: Command, is_long: bool, catalog: &Catalog) -> Command {
    let say = |text: &StyledStr| wide::open(&said(text, catalog));
    let of = |short: Option<&StyledStr>, long: Option<&StyledStr>| {
        let text = if is_long { long.or(short) } else { short.or(long) };
        text.map(say)
    };
    let about = of(command.get_about(), command.get_long_about());
    let after = of(command.get_after_help(), command.get_after_long_help());
    // A character at the end of a line takes a column more than clap believes.
    let width = screen::width_of_terminal().unwrap_or(WIDEST).min(WIDEST).saturating_sub(1).max(1);
    let mut command = command.term_width(width).next_line_help(width < NARROW);
    if let Some(text) = about {
        command = command.about(text.clone()).long_about(text);
    }
    if let Some(text) = after {
        command = command.after_help(text.clone()).after_long_help(text);
    }
    command.mut_args(|argument| described(argument, is_long, catalog)).mut_subcommands(|one| listed(one, catalog))
}

/// A command in the list above it.
fn listed(command: Command, catalog: &Catalog) -> Command {
    let about = command.get_about().or(command.get_long_about()).map(|text| said(text, catalog));
    let names: Vec<String> = command.get_visible_aliases().map(str::to_owned).collect();
    let parts: Vec<String> = about.into_iter().chain(second_names(&names, catalog)).collect();
    command.visible_alias(None::<&str>).about(wide::open(&parts.join(" ")))
}

fn second_names(names: &[String], catalog: &Catalog) -> Option<String> {
    (!names.is_empty()).then(|| catalog.say(Word("[alias: {names}]"), &[("names", &catalog.list(names))]))
}

/// An argument with its help, and behind that what clap would say in English: defaults, second names, possible values.
fn described(argument: Arg, is_long: bool, catalog: &Catalog) -> Arg {
    let (short, long) = (argument.get_help(), argument.get_long_help());
    let help = if is_long { long.or(short) } else { short.or(long) };
    let values = argument.get_possible_values();
    // Each with its own line, under a heading.
    let is_list = is_long && values.iter().any(|value| !value.is_hide_set() && value.get_help().is_some());
    let notes = notes(&argument, if is_list { &[] } else { &values }, catalog);
    let between = if is_long { ["\n\n", "\n"] } else { [" ", " "] };
    let parts =
        help.map(|text| said(text, catalog)).into_iter().chain((!notes.is_empty()).then(|| notes.join(between[1])));
    let text = wide::open(&parts.collect::<Vec<_>>().join(between[0]));
    let argument = argument.hide_default_value(true).visible_alias(None::<&str>).visible_short_alias(None::<char>);
    let argument = if is_list {
        let value = |one: PossibleValue| match one.get_help().map(|text| wide::open(&said(text, catalog))) {
            Some(text) => one.help(text),
            None => one,
        };
        argument.value_parser(PossibleValuesParser::new(values.into_iter().map(value)))
    } else {
        argument.hide_possible_values(true)
    };
    if text.is_empty() { argument } else { argument.help(text.clone()).long_help(text) }
}

fn notes(argument: &Arg, values: &[PossibleValue], catalog: &Catalog) -> Vec<String> {
    let mut notes = Vec::new();
    let defaults = argument.get_default_values();
    if argument.get_action().takes_values() && !argument.is_hide_default_value_set() && !defaults.is_empty() {
        let value = defaults.iter().map(|one| one.to_string_lossy()).collect::<Vec<_>>().join(" ");
        notes.push(catalog.say(Word("[default: {value}]"), &[("value", &value)]));
    }
    let short = argument.get_visible_short_aliases().unwrap_or_default().into_iter().map(|one| format!("-{one}"));
    let long = argument.get_visible_aliases().unwrap_or_default().into_iter().map(|one| format!("--{one}"));
    notes.extend(second_names(&short.chain(long).collect::<Vec<_>>(), catalog));
    let shown: Vec<&str> = values.iter().filter(|one| !one.is_hide_set()).map(PossibleValue::get_name).collect();
    if !argument.is_hide_possible_values_set() && !shown.is_empty() {
        notes.push(catalog.say(POSSIBLE_VALUES, &[("values", &catalog.list(&shown))]));
    }
    notes
}

const POSSIBLE_VALUES: Word = Word("[possible values: {values}]");

fn said(text: &StyledStr, catalog: &Catalog) -> String {
    let english = text.to_string();
    catalog.find(&english).unwrap_or(english)
}

/// The page with its headings, which clap has no setting for.
fn headed(page: &str, command: &Command, catalog: &Catalog) -> String {
    let header = command.get_styles().get_header();
    let (open, close) = (format!("{header}"), format!(":{header:#}"));
    let mut lines = Vec::new();
    for line in page.split('\n') {
        let heading = line.strip_prefix(&open).and_then(|rest| rest.strip_suffix(&close));
        lines.push(match heading {
            Some(name) => format!("{header}{}{header:#}", catalog.colon(&heading_of(name, catalog), "")),
            None if line.trim() == "Possible values:" => {
                line.replace(line.trim(), &catalog.say(Word("Possible values:"), &[]))
            }
            None => line.to_owned(),
        });
    }
    usage(&lines.join("\n"), command.get_styles(), catalog)
}

fn heading_of(name: &str, catalog: &Catalog) -> String {
    catalog.find(name).unwrap_or_else(|| name.to_owned())
}

/// How a command is used, wherever it stands: its heading, and the two places that are no argument's. The lines below the first
/// move left with it: the heading takes a column less.
fn usage(text: &str, styles: &clap::builder::Styles, catalog: &Catalog) -> String {
    let style = styles.get_usage();
    let Some((before, after)) = text.split_once(&format!("{style}Usage:{style:#} ")) else { return text.to_owned() };
    let (lines, rest) = after.split_once("\n\n").map_or((after, None), |(lines, rest)| (lines, Some(rest)));
    let line = |line: &str| {
        let line = line.strip_prefix(' ').unwrap_or(line).replace("[OPTIONS]", &catalog.say(Word("[OPTIONS]"), &[]));
        match line.strip_suffix("<COMMAND>") {
            Some(start) => format!("{start}{}", catalog.say(Word("<COMMAND>"), &[])),
            None => line,
        }
    };
    let lines: Vec<String> = lines.split('\n').map(line).collect();
    let heading = format!("{style}{}{style:#}", catalog.say(Word("Usage:"), &[]));
    let rest = rest.map(|rest| format!("\n\n{rest}")).unwrap_or_default();
    format!("{before}{heading}{}{rest}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// Every command by the words that lead to it.
    fn paths(command: &Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for one in command.get_subcommands().filter(|one| !["help", "oci"].contains(&one.get_name())) {
            paths(one, &[words, &[one.get_name().to_owned()]].concat(), found);
        }
    }

    fn asked(words: &[String], flag: &str) -> clap::Error {
        let line = std::iter::once("explore").chain(words.iter().map(String::as_str)).chain([flag]);
        Cli::try_parse_from(line).err().unwrap()
    }

    #[test]
    fn each_page_has_all_flags_of_the_english_one_and_none_of_the_words_of_clap() {
        let mut whole = Cli::command();
        whole.build();
        let mut all = Vec::new();
        paths(&whole, &["explore".to_owned()], &mut all);
        assert!(all.len() > 100, "{}", all.len());
        let catalog = Catalog::of(Language::Chinese);
        for (words, flag) in all.iter().flat_map(|words| ["-h", "--help"].map(|flag| (&words[1..], flag))) {
            let english = asked(words, flag);
            // Of some `-h` is the host name.
            if english.kind() != ErrorKind::DisplayHelp {
                continue;
            }
            let chinese = answer_by(&english, &catalog).unwrap().render().to_string();
            let english = english.render().to_string();
            for left in [
                "Usage:",
                "Options:",
                "Arguments:",
                "Commands:",
                "[default",
                "[possible",
                "[alias",
                "Print",
                "\u{2060}",
            ] {
                assert!(!chinese.contains(left), "{words:?} {flag}: {left}\n{chinese}");
            }
            let is_of_a_flag = |one: char| one.is_ascii_alphanumeric() || one == '-';
            for word in english.split(|one: char| !is_of_a_flag(one)).filter(|word| word.starts_with("--")) {
                assert!(chinese.contains(word), "{words:?} {flag}: no {word}\n{chinese}");
            }
            let is_long = [english.contains("see a summary"), chinese.contains("只打印摘要")];
            assert_eq!(is_long[0], is_long[1], "{words:?} {flag}\n{chinese}");
        }
    }
}
