//! A lesson as a chapter: prose as it is, blocks with what a kernel printed, answers folded away.

use super::asked;
use crate::lesson::catalog::Catalog;
use crate::lesson::page::{Block, BlockKind, Check, Exercise, Page, Part, Predict, Side};
use crate::lesson::recording::Recording;
use crate::lesson::run::Event;
use crate::lesson::words::{self, Word};
use crate::probe::{Comparison, Group, Verdict};
use std::fmt::Write as _;

/// The Markdown of a chapter. It shows what the first recording has; where another one has something else, that is
/// folded away below it, so that the reader chooses the kernel.
pub fn chapter(page: &Page, recordings: &[Recording], catalog: &Catalog) -> String {
    let page = catalog.translate(page);
    let chapter = Chapter { page: &page, recording: recordings.first(), all: recordings, catalog };
    let mut text = chapter.heading();
    text.push_str(&asked::unfolding(None, recordings, catalog));
    for part in &page.parts {
        match part {
            Part::Prose(range) => text.push_str(&relink(&page.source[range.clone()])),
            Part::Block(block) => {
                let _ = write!(text, "\n\n{}\n\n", chapter.block(block));
            }
        }
    }
    text
}

#[derive(Clone, Copy)]
struct Chapter<'a> {
    page: &'a Page,
    /// What is shown.
    recording: Option<&'a Recording>,
    /// That of each machine.
    all: &'a [Recording],
    catalog: &'a Catalog,
}

impl Chapter<'_> {
    fn say(&self, word: Word, values: &[(&str, &str)]) -> String {
        self.catalog.say(word, values)
    }

    fn side(&self, side: Side) -> String {
        self.say(if side == Side::Inside { words::INSIDE } else { words::OUTSIDE }, &[])
    }

    /// How to run it, and where what is shown comes from.
    fn heading(&self) -> String {
        let id = &self.page.id;
        let minutes = self.page.front.minutes.to_string();
        let time = self.say(words::MINUTES, &[("minutes", &minutes)]);
        let from = match self.recording {
            Some(recording) => self.say(words::RECORDED_ON, &[("key", &self.kernels(&recording.key))]),
            None => self.say(words::NOT_RECORDED, &[]),
        };
        format!("> `explore lesson {id}` · {time} · {from}\n\n")
    }

    fn events<'s>(&'s self, id: &'s str) -> impl Iterator<Item = &'s Event> {
        let events = self.recording.map_or(&[][..], |recording| &recording.events);
        events.iter().filter(move |event| event.block() == Some(id))
    }

    /// What a block has printed.
    fn printed(&self, id: &str) -> String {
        self.recording.map_or_else(String::new, |recording| recording.printed(id))
    }

    /// The machine that is shown, and those that the page can show in its place (page.js makes the choice of it).
    fn kernels(&self, shown: &str) -> String {
        let keys: Vec<&str> = self.all.iter().map(|recording| recording.key.as_str()).collect();
        let label = self.say(words::CHOOSE_MACHINE, &[]);
        format!(r#"<span class="machine" data-keys="{}" data-label="{label}">{shown}</span>"#, keys.join(" "))
    }

    /// What a block has come to here, and folded away below it what it has come to on other machines, where that is
    /// something else. Machines that say the same are told together.
    fn told(&self, block: &Block, here: impl Fn(&Self) -> String) -> String {
        let Some(shown) = self.recording else { return here(self) };
        let mut answers: Vec<(&Recording, Vec<&str>)> = Vec::new();
        for other in self.all.iter().skip(1).filter(|other| shown.differs_in(&block.id, other)) {
            match answers.iter_mut().find(|(first, _)| !first.differs_in(&block.id, other)) {
                Some((_, keys)) => keys.push(&other.key),
                None => answers.push((other, vec![&other.key])),
            }
        }
        if answers.is_empty() {
            return here(self);
        }
        let mut text = format!("<div class=\"told\">\n\n{}\n", here(self));
        for (recording, keys) in answers {
            let title = self.say(words::ON_ANOTHER, &[("key", &keys.join(", "))]);
            let there = here(&Self { recording: Some(recording), ..*self });
            let _ = write!(text, "\n<details data-keys=\"{}\"><summary>{title}</summary>\n", keys.join(" "));
            let _ = write!(text, "\n{}\n\n</details>\n", there.trim());
        }
        text + "\n</div>\n"
    }

    fn block(&self, block: &Block) -> String {
        match &block.kind {
            BlockKind::Shell(shell) => {
                let console =
                    |machine: &Self| machine.console(shell.side, &shell.commands, &machine.printed(&block.id));
                self.told(block, console) + &self.asked(&block.id)
            }
            BlockKind::Predict(predict) => self.predict(block, predict),
            BlockKind::Exercise(exercise) => self.exercise(&block.id, exercise),
            BlockKind::Check(check) => self.check(&block.id, check),
            BlockKind::Compare(_) => {
                let title = format!("**{}**\n\n", self.say(words::COMPARE, &[]));
                title + &self.told(block, |machine| machine.compare(&block.id))
            }
        }
    }

    /// What the kernel was asked by it.
    fn asked(&self, id: &str) -> String {
        asked::unfolding(Some(id), self.all, self.catalog)
    }

    fn console(&self, side: Side, commands: &str, printed: &str) -> String {
        let as_user = self.recording.is_some_and(|recording| recording.key.ends_with("user"));
        let sign = if as_user && side == Side::Outside { '$' } else { '#' };
        let mut text = String::new();
        for (number, line) in commands.lines().enumerate() {
            let before = if number == 0 { format!("{}{sign}", side.word()) } else { ">".into() };
            let _ = writeln!(text, "{before} {line}");
        }
        let typed = text.lines().count();
        text.push_str(printed);
        fenced(&text, typed)
    }

    fn predict(&self, block: &Block, predict: &Predict) -> String {
        let id = block.id.as_str();
        let mut text = String::from("<div class=\"predict\">\n\n");
        let _ = write!(text, "**{}.** {}\n\n", self.say(words::PREDICT, &[]), predict.question.text);
        for (number, option) in predict.options.iter().enumerate() {
            let _ = writeln!(text, "{}. {}", number + 1, option.text.text);
        }
        text.push_str(&self.hints(&predict.hints.iter().map(|hint| hint.text.as_str()).collect::<Vec<_>>()));
        let answer = self.told(block, |machine| machine.answer(id, predict)) + &self.asked(id);
        text.push_str(&details(&self.say(words::ANSWER, &[]), &answer));
        text + "\n</div>\n"
    }

    /// What was done, and which option the kernel has made true.
    fn answer(&self, id: &str, predict: &Predict) -> String {
        let holds = self.recording.and_then(|recording| recording.held(id));
        let mut answer = String::new();
        if let Some(act) = &predict.act {
            let _ = write!(answer, "{}\n\n", self.console(act.side, &act.text, &self.printed(id)));
        }
        for (number, option) in predict.options.iter().enumerate() {
            let mark =
                if holds == Some(number) { format!(" **[{}]**", self.say(words::HOLDS, &[])) } else { String::new() };
            let _ = writeln!(answer, "{}. {}{mark}  \n   {}", number + 1, option.text.text, option.why.text);
        }
        answer
    }

    fn hints(&self, hints: &[&str]) -> String {
        let mut text = String::from("\n");
        for hint in hints {
            text.push_str(&details(&self.say(words::A_HINT, &[]), hint));
        }
        text
    }

    fn exercise(&self, id: &str, exercise: &Exercise) -> String {
        let mut text = format!("**{}.** {}\n", self.say(words::EXERCISE, &[]), exercise.task.text);
        text.push_str(&self.hints(&exercise.hints.iter().map(|hint| hint.text.as_str()).collect::<Vec<_>>()));
        let mut answer = self.console(exercise.solution.side, &exercise.solution.text, "");
        answer.push('\n');
        for wrong in &exercise.wrong {
            let values = [("command", wrong.command.text.as_str()), ("says", &wrong.says.text)];
            let _ = write!(answer, "\n- {}", self.say(words::WRONG_WAY, &values));
        }
        answer.push_str(&self.asked(id));
        let title = self.say(words::SOLUTION, &[("side", &self.side(exercise.solution.side))]);
        text.push_str(&details(&title, &answer));
        text
    }

    fn check(&self, id: &str, check: &Check) -> String {
        let mut text = format!("**{}**\n\n", self.say(words::CHECK, &[]));
        for (number, claim) in check.claims.iter().enumerate() {
            let proved = self.events(id).any(|event| matches!(event, Event::Claimed { claim, .. } if *claim == number));
            let mark = if proved { format!(" [{}]", self.say(words::HOLDS, &[])) } else { String::new() };
            let proof = self.catalog.colon(&self.side(claim.test.side), &code(&claim.test.text));
            let _ = writeln!(text, "- {}{mark}  \n  {proof}", claim.text.text);
        }
        text
    }

    fn compare(&self, id: &str) -> String {
        let comparison = self.recording.and_then(|recording| recording.compared(id));
        comparison.map_or_else(|| code(&format!("explore lesson {}", self.page.id)), |found| self.table(found))
    }

    fn table(&self, comparison: &Comparison) -> String {
        let (outside, inside) = (self.side(Side::Outside), self.side(Side::Inside));
        let mut text = format!("| | {outside} | {inside} | |\n|---|---|---|---|\n");
        for row in &comparison.namespaces.rows {
            let shown = |fact: &crate::probe::Fact<crate::kernel::namespace::Identity>| {
                fact.known().map_or_else(String::new, |identity| identity.inode.to_string())
            };
            let group = self.say(of_group(row.group), &[]);
            let (link, verdict) = (row.kind.link(), self.verdict(&row.verdict));
            let values = (shown(&row.outside), shown(&row.inside));
            let _ =
                writeln!(text, "| {link} | {} | {} | {} |", values.0, values.1, self.catalog.aside(&verdict, &group));
        }
        for row in &comparison.uname.rows {
            let shown = |value: &Option<String>| value.clone().unwrap_or_default().replace('|', "\\|");
            let verdict = self.verdict(&row.verdict);
            let _ = writeln!(text, "| {} | {} | {} | {verdict} |", row.field, shown(&row.outside), shown(&row.inside));
        }
        text + &self.processes(comparison)
    }

    /// The processes of the inside with both of their numbers.
    fn processes(&self, comparison: &Comparison) -> String {
        let mut text = String::new();
        for row in &comparison.processes.rows {
            let cell = |process: &Option<crate::probe::Process>| {
                process
                    .as_ref()
                    .map_or_else(String::new, |one| code(&format!("{} {}", one.pid, one.command)).replace('|', "\\|"))
            };
            let verdict = self.verdict(&row.verdict);
            let _ = writeln!(text, "| ps | {} | {} | {verdict} |", cell(&row.outside), cell(&row.inside));
        }
        text
    }

    fn verdict(&self, verdict: &Verdict) -> String {
        self.say(words::of_verdict(verdict), &[])
    }
}

fn of_group(group: Group) -> Word {
    match group {
        Group::Subject => words::SUBJECT,
        Group::Helper => words::HELPER,
        Group::Rest => words::REST,
    }
}

fn details(title: &str, text: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n{}\n\n</details>\n", text.trim())
}

/// A fence that is longer than any in the text. The first `typed` lines were typed: page.js copies those alone.
fn fenced(text: &str, typed: usize) -> String {
    let mut fence = String::from("```");
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}console,typed-{typed}\n{}\n{fence}", text.trim_end())
}

/// A code span, whatever backticks are in it.
fn code(text: &str) -> String {
    let mut marks = String::from("`");
    while text.contains(&marks) {
        marks.push('`');
    }
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{pad}{text}{pad}{marks}")
}

/// A lesson links to another one's file in its folder; in the book all chapters are in one.
fn relink(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some(at) = rest.find("](../") {
        let (before, link) = rest.split_at(at + 2);
        text.push_str(before);
        let end = link.find(')').unwrap_or(link.len());
        text.push_str(link[..end].rsplit('/').next().unwrap_or(""));
        rest = &link[end..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::catalog::Language;
    use crate::lesson::page::parse;

    #[test]
    fn a_chapter_without_a_recording_asks_and_folds_the_answer_away() {
        let page = parse("sample.md", include_str!("../../tests/lessons/sample.md")).unwrap();
        insta::assert_snapshot!(chapter(&page, &[], &Catalog::of(Language::English)));
    }

    #[test]
    fn a_comparison_speaks_the_language_of_its_chapter() {
        let recording = std::path::Path::new("book/recordings/6.18-hybrid-root/pid-namespace.json");
        let recording = crate::lesson::recording::read(recording).unwrap();
        let library = crate::lesson::library::Library::built_in();
        let page = library.find("pid-namespace").unwrap();
        let in_language = |language| chapter(page, std::slice::from_ref(&recording), &Catalog::of(language));
        let (english, chinese) = (in_language(Language::English), in_language(Language::Chinese));
        for (word, other) in
            [("differs (subject)", "不同（主题）"), ("same (rest)", "相同（其余）"), ("| translated |", "| 对应 |")]
        {
            assert!(english.contains(word) && !chinese.contains(word) && chinese.contains(other), "{word}");
        }
    }

    /// The tree of groups looks otherwise with version 1; a reader of either finds what his kernel says.
    #[test]
    fn what_another_kernel_said_is_there_and_only_where_it_differs() {
        let library = crate::lesson::library::Library::built_in();
        let page = library.find("cgroup-hierarchy").unwrap();
        let read = |key: &str| {
            let file = format!("book/recordings/{key}/cgroup-hierarchy.json");
            crate::lesson::recording::read(std::path::Path::new(&file)).unwrap()
        };
        let both = [read("6.18-hybrid-root"), read("6.1-v2-root")];
        let twice = [both[0].clone(), both[0].clone()];
        let shown = |recordings| chapter(page, recordings, &Catalog::of(Language::English));
        let told = r#"<details data-keys="6.1-v2-root"><summary>Otherwise on 6.1-v2-root</summary>"#;
        assert!(shown(&both).contains(told), "{}", shown(&both));
        assert!(shown(&both).contains(r#"data-keys="6.18-hybrid-root 6.1-v2-root""#));
        let body = |text: String| text.split_once("\n\n").unwrap().1.to_owned();
        assert_eq!(body(shown(&twice)), body(shown(&both[..1])));
    }

    /// The recordings that the book is made of have the calls: under the block, of each machine its own.
    #[test]
    fn what_the_kernel_was_asked_unfolds_under_a_block() {
        let page = crate::lesson::library::Library::built_in().find("exec").unwrap().clone();
        let recording = std::path::Path::new("book/recordings/6.18-hybrid-root/exec.json");
        let recording = crate::lesson::recording::read(recording).unwrap();
        let text = chapter(&page, std::slice::from_ref(&recording), &Catalog::of(Language::Chinese));
        let wanted = "<a href=\"https://man7.org/linux/man-pages/man2/pivot_root.2.html\">pivot_root</a>";
        assert!(text.contains("<summary>向内核请求了什么</summary>") && text.contains(wanted), "{text}");
        let mut silent = recording;
        silent.events.retain(|event| !matches!(event, Event::Asked { .. }));
        assert!(!chapter(&page, &[silent], &Catalog::of(Language::Chinese)).contains("class=\"asked\""));
    }

    /// Three machines, of which two agree: one answer beside the one that is shown.
    #[test]
    fn machines_that_say_the_same_are_told_together() {
        let library = crate::lesson::library::Library::built_in();
        let page = library.find("cgroup-hierarchy").unwrap();
        let read = |key: &str| {
            let file = format!("book/recordings/{key}/cgroup-hierarchy.json");
            crate::lesson::recording::read(std::path::Path::new(&file)).unwrap()
        };
        let mut third = read("6.1-v2-root");
        third.key = "7.0-v2-root".into();
        let text =
            chapter(page, &[read("6.18-hybrid-root"), read("6.1-v2-root"), third], &Catalog::of(Language::English));
        assert!(text.contains(r#"<details data-keys="6.1-v2-root 7.0-v2-root">"#), "{text}");
        assert!(!text.contains(r#"<details data-keys="7.0-v2-root">"#), "{text}");
    }

    #[test]
    fn a_link_to_another_lesson_stays_in_the_book() {
        assert_eq!(
            relink("see [a](../5-exec/uts-namespace.md#x) and [b](#y)"),
            "see [a](uts-namespace.md#x) and [b](#y)"
        );
    }

    #[test]
    fn no_output_can_end_its_own_fence() {
        assert!(fenced("a\n```\nb", 1).starts_with("````console,typed-1\n"));
        assert_eq!(code("a `b`"), "`` a `b` ``");
    }
}
