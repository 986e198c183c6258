//! A finished English sentence, put into another language by the template that it was made of.
//!
//! What fails says so in English, deep down and without knowing of languages: `cannot read /etc/hosts`. The catalog knows
//! the template, `cannot read {0}`. So a sentence is taken apart the way scanf(3) does it, each value is looked up in its
//! turn, and all of them go into the translated template. Nothing of this runs for a reader of English.
//!
//! Not here: what others say. The text of an errno, the words of a program that failed and every path stay as they are.

use std::collections::HashMap;

/// Values that are words of ours, whatever they are; others may be somebody's name for something, and a single word among
/// them stays.
const OURS: [&str; 14] =
    ["step", "what", "why", "kind", "side", "says", "here", "who", "verb", "word", "whole", "which", "help", "because"];

/// How often a value may hold a sentence with a value: a chain of causes is not as long.
const DEEPEST: usize = 12;

/// A value that is longer, in bytes, is no sentence of ours but a console, say, or a name: it stays as it is. To try each part
/// of it with each template would take minutes.
const LONGEST: usize = 400;

/// A text with places for values: one more piece than names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template {
    pieces: Vec<String>,
    names: Vec<String>,
}

impl Template {
    /// Reads `{name}`, and `{{` as one brace. A brace that is neither is a brace.
    fn read(text: &str) -> Self {
        let (mut pieces, mut names, mut open) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            open.push_str(&rest[..at]);
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(behind) = after.strip_prefix(brace) {
                open.push_str(brace);
                rest = behind;
            } else if let Some((name, behind)) = name(brace, after) {
                pieces.push(std::mem::take(&mut open));
                names.push(name.to_owned());
                rest = behind;
            } else {
                open.push_str(brace);
                rest = after;
            }
        }
        pieces.push(open + rest);
        Self { pieces, names }
    }

    /// The values with which it says `text`: of several ways the one that gives the earlier ones less.
    fn values<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, last) = (self.pieces.first()?, self.pieces.last()?);
        if self.names.is_empty() {
            return (text == first).then(Vec::new);
        }
        let mut rest = text.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut values = Vec::new();
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            let (value, behind) = rest.split_once(piece.as_str())?;
            values.push(value);
            rest = behind;
        }
        values.push(rest);
        Some(values)
    }

    /// The text with `value(name, number)` in each place: the number counts places of the same name.
    fn fill(&self, mut value: impl FnMut(&str, usize) -> String) -> String {
        let mut text = self.pieces[0].clone();
        for (at, (name, piece)) in self.names.iter().zip(&self.pieces[1..]).enumerate() {
            let before = self.names[..at].iter().filter(|other| *other == name).count();
            join(&mut text, &value(name, before));
            join(&mut text, piece);
        }
        text
    }

    /// How much of a sentence it says itself. Nothing where it neither begins with a word nor has one of some length: `{0} of
    /// {1}` would fit whatever has an "of" in it.
    fn weight(&self) -> usize {
        let longest = |piece: &String| piece.split(|sign: char| !sign.is_alphabetic()).map(str::len).max().unwrap_or(0);
        let says = self.pieces.first().is_some_and(|first| longest(first) > 1)
            || self.pieces.iter().any(|one| longest(one) > 2);
        if says { self.pieces.iter().map(String::len).sum() } else { 0 }
    }
}

/// Appends what follows in a sentence: where Chinese meets Latin there is a space between them, as everywhere in the catalogs;
/// whether a value is the one or the other, a template cannot know.
fn join(text: &mut String, next: &str) {
    let chinese = |sign: char| ('\u{4e00}'..='\u{9fff}').contains(&sign);
    if let (Some(left), Some(right)) = (text.chars().next_back(), next.chars().next())
        && (chinese(left) && right.is_ascii_alphanumeric() || left.is_ascii_alphanumeric() && chinese(right))
    {
        text.push(' ');
    }
    text.push_str(next);
}

fn name<'t>(brace: &str, after: &'t str) -> Option<(&'t str, &'t str)> {
    let (name, behind) = after.split_once('}').filter(|_| brace == "{")?;
    let is_name = name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
    (is_name && !name.is_empty()).then_some((name, behind))
}

/// The templates of a catalog, those that say most themselves first.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    templates: Vec<(Template, Template)>,
}

impl Sentences {
    /// Of all messages those with values.
    pub(super) fn of(known: &HashMap<String, String>) -> Self {
        let with_values = known.iter().filter(|(english, _)| english.contains(['{', '}']));
        let read = with_values.map(|(english, other)| (Template::read(english), Template::read(other)));
        let mut templates: Vec<_> = read.filter(|(english, _)| english.weight() > 0).collect();
        // The order of a map is another in every run; of two that say as much the spelling decides.
        templates.sort_by(|(one, _), (other, _)| {
            other.weight().cmp(&one.weight()).then_with(|| one.pieces.cmp(&other.pieces))
        });
        Self { templates }
    }

    /// The sentence in the other language, as far as it is known.
    pub(super) fn translate(&self, english: &str, known: &HashMap<String, String>) -> String {
        Search { sentences: self, known, found: HashMap::new() }.best(english, DEEPEST).text
    }
}

/// A translation, and how many bytes of the English it was made of by the catalog: of several the one with most wins.
#[derive(Debug, Clone)]
struct Found {
    text: String,
    covered: usize,
}

/// One sentence, and what was found for the parts of it.
struct Search<'a> {
    sentences: &'a Sentences,
    known: &'a HashMap<String, String>,
    found: HashMap<String, Found>,
}

impl Search<'_> {
    fn best(&mut self, english: &str, depth: usize) -> Found {
        if let Some(other) = self.known.get(english) {
            return Found { text: other.clone(), covered: english.len() };
        }
        if let Some(found) = self.found.get(english) {
            return found.clone();
        }
        let mut best = Found { text: english.to_owned(), covered: 0 };
        let mut offer = |other: Found| {
            if other.covered > best.covered {
                best = other;
            }
        };
        if depth > 0 {
            self.by_templates(english, depth - 1, &mut offer);
            if english.len() <= LONGEST {
                self.by_parts(english, depth - 1, &mut offer);
            }
        }
        self.found.insert(english.to_owned(), best.clone());
        best
    }

    fn by_templates(&mut self, english: &str, depth: usize, offer: &mut impl FnMut(Found)) {
        let sentences = self.sentences;
        for (template, other) in &sentences.templates {
            let Some(values) = template.values(english) else { continue };
            let mut covered = template.weight();
            let said: Vec<(&String, String)> = template
                .names
                .iter()
                .zip(values)
                .map(|(name, value)| {
                    let found = self.value(name, value, depth);
                    covered += found.covered;
                    (name, found.text)
                })
                .collect();
            let text = other.fill(|name, number| {
                let same: Vec<&String> =
                    said.iter().filter(|(other, _)| *other == name).map(|(_, text)| text).collect();
                same.get(number).or(same.last()).map_or_else(String::new, |text| (*text).clone())
            });
            offer(Found { text, covered });
        }
    }

    /// A chain of causes that was made one text, or two sentences: each by itself.
    fn by_parts(&mut self, english: &str, depth: usize, offer: &mut impl FnMut(Found)) {
        for (between, chinese) in [(": ", "："), ("; ", "；"), (", ", "，")] {
            for (at, _) in english.match_indices(between) {
                let left = self.value("", &english[..at], depth);
                let right = self.value("", &english[at + between.len()..], depth);
                let text = format!("{}{chinese}{}", left.text, right.text);
                offer(Found { text, covered: left.covered + right.covered });
            }
        }
    }

    fn value(&mut self, name: &str, value: &str, depth: usize) -> Found {
        if value.len() <= LONGEST && (OURS.contains(&name) || value.contains(' ')) {
            self.best(value, depth)
        } else {
            Found { text: value.to_owned(), covered: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::catalog::{Catalog, Language};
    use std::collections::BTreeSet;

    fn catalog(rows: &[(&str, &str)]) -> HashMap<String, String> {
        rows.iter().map(|(english, other)| ((*english).to_owned(), (*other).to_owned())).collect()
    }

    fn said(rows: &[(&str, &str)], english: &str) -> String {
        let known = catalog(rows);
        Sentences::of(&known).translate(english, &known)
    }

    #[test]
    fn values_are_carried_over_in_the_order_of_the_translation() {
        let rows = [("{name} is used by {0}", "{0} 正在使用 {name}")];
        assert_eq!(said(&rows, "demo is used by web"), "web 正在使用 demo");
    }

    #[test]
    fn the_template_that_says_most_itself_wins() {
        let rows =
            [("cannot {step}", "无法{step}"), ("cannot read {0}", "读不了 {0}"), ("cannot read the layer", "读不了层")];
        assert_eq!(said(&rows, "cannot read /a b"), "读不了 /a b");
        assert_eq!(said(&rows, "cannot read the layer"), "读不了层");
        assert_eq!(said(&rows, "cannot fly"), "无法 fly");
    }

    #[test]
    fn a_chain_is_translated_link_by_link_and_an_errno_stays() {
        let rows =
            [("cannot read {0}", "读不了 {0}"), ("cannot {step}", "无法{step}"), ("join its network", "加入网络")];
        assert_eq!(said(&rows, "cannot join its network: cannot read /x: EPERM"), "无法加入网络：读不了 /x: EPERM");
    }

    #[test]
    fn of_two_templates_the_one_wins_with_which_more_is_known() {
        let rows = [
            ("{0} has mode {1} and belongs to {owner}", "{0} 的权限位是 {1}，属于 {owner}"),
            ("{0}: {who} may not {verb} it", "{0}：{who} 不能 {verb} 它"),
        ];
        let said = said(&rows, "/x has mode 0640 and belongs to root: uid 7 may not read it");
        assert_eq!(said, "/x 的权限位是 0640，属于 root：uid 7 不能 read 它");
    }

    /// It would not end in this life if each part of it were tried.
    #[test]
    fn a_console_is_carried_over_as_it_is() {
        let console = "a: b, c; d ".repeat(2000);
        let rows = [("cannot boot: {0}", "启动不了：{0}"), ("{0} at {1}", "{1} 处的 {0}")];
        assert_eq!(said(&rows, &format!("cannot boot: {console}")), format!("启动不了：{console}"));
    }

    #[test]
    fn a_value_that_is_written_in_two_ways_keeps_both() {
        let rows = [("such as -p 8{port}:{port}", "例如 -p 8{port}:{port}")];
        assert_eq!(said(&rows, "such as -p 8080:80"), "例如 -p 8080:80");
    }

    #[test]
    fn a_single_word_that_somebody_chose_is_no_message() {
        let rows =
            [("no such image: {name}", "没有镜像 {name}"), ("same", "相同"), ("cannot lock {what}", "锁不住{what}")];
        assert_eq!(said(&rows, "no such image: same"), "没有镜像 same");
        assert_eq!(said(&rows, "cannot lock same"), "锁不住相同");
        assert_eq!(said(&rows, "something else"), "something else");
    }

    /// What the program says is found again, whatever the values are, and none of them is lost.
    #[test]
    fn every_template_of_the_catalog_finds_its_translation_again() {
        let catalog = Catalog::of(Language::Chinese);
        let (mut wrong, mut tried) = (Vec::new(), 0);
        for (english, other) in &catalog.known {
            let (template, other) = (Template::read(english), Template::read(other));
            if template.names.is_empty() || template.weight() == 0 {
                continue;
            }
            tried += 1;
            let value = |name: &str, _| format!("<{name}>");
            let (said, wanted) = (template.fill(value), other.fill(value));
            let names = |template: &Template| template.names.iter().cloned().collect::<BTreeSet<_>>();
            if catalog.sentence(&said) != wanted || names(&template) != names(&other) {
                wrong.push(format!("{said}\n    {wanted}\n    {}", catalog.sentence(&said)));
            }
        }
        assert!(tried > 600, "{tried}");
        assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn braces_that_are_doubled_are_braces() {
        let template = Template::read("a {{b}} {c} }");
        assert_eq!(template.values("a {b} 7 }"), Some(vec!["7"]));
        assert_eq!(template.fill(|name, _| name.to_uppercase()), "a {b} C }");
    }
}
