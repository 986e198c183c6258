//! A run by system call: what `--narrate` heard, in the order in which it was asked, with the time of each.
//!
//! Only the calls that isolate something are narrated. Neighbours of the same process that are the same call are one step, and so are
//! the mounts that take three calls each: `open_tree ×9` is nine of them.

use super::draw::{columns, page, px};
use super::{SCHEMA, words};
use crate::lesson::catalog::Catalog;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use svg::node::element::{Group, Line, Rectangle, Text, Title};

/// A process that is silent for as many microseconds begins a new step.
const PAUSE: u32 = 5000;

/// As many microseconds of silence are shown; what is longer is cut.
const SILENCE: u32 = 10_000;

/// One line of `--narrate --json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// Before the call, or after.
    pub phase: String,
    /// Which process of the story.
    pub role: String,
    /// Its number.
    pub pid: i32,
    /// Name of the call.
    pub call: String,
    /// Why the stage made it.
    pub why: String,
    /// Why it failed.
    pub errno: Option<String>,
    /// When, in microseconds: a counter that begins anywhere and runs over.
    pub micros: u32,
}

/// The same call once or several times, by one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which process of the story.
    pub role: String,
    /// Its number.
    pub pid: i32,
    /// Name of the call.
    pub call: String,
    /// How often.
    pub times: usize,
    /// When the first was asked, in microseconds after the first of all.
    pub from: u32,
    /// When the last had answered; of an execve that worked, when it was asked.
    pub to: u32,
    /// Why the first was made.
    pub why: String,
    /// Errors, by name, each once.
    pub errors: Vec<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was run.
    pub command: String,
    /// What happened.
    pub steps: Vec<Step>,
}

impl Timeline {
    /// Out of what was heard, in the order in which it was heard.
    pub fn new(command: String, calls: &[Call]) -> Self {
        let begin = calls.first().map_or(0, |call| call.micros);
        let mut steps: Vec<Step> = Vec::new();
        for call in calls {
            let at = call.micros.wrapping_sub(begin);
            // The last step of this process, whatever the others have done meanwhile.
            let last = steps.iter_mut().rev().find(|step| step.pid == call.pid && step.role == call.role);
            match last.filter(|step| step.goes_on_with(call, at)) {
                Some(step) => {
                    step.times += usize::from(call.phase == "enter" && call.call == step.call);
                    step.to = at.max(step.to);
                    if let Some(errno) = call.errno.as_ref().filter(|errno| !step.errors.contains(errno)) {
                        step.errors.push(errno.clone());
                    }
                }
                None if call.phase == "enter" => steps.push(Step {
                    role: call.role.clone(),
                    pid: call.pid,
                    call: call.call.clone(),
                    times: 1,
                    from: at,
                    to: at,
                    why: call.why.clone(),
                    errors: Vec::new(),
                }),
                None => {}
            }
        }
        Self { schema: SCHEMA, command, steps }
    }

    /// When the last of all had answered.
    fn length(&self) -> u32 {
        self.steps.iter().map(|step| step.to).max().unwrap_or(0).max(1)
    }

    /// Lines: when, who, what, how often; below it why. `fold` breaks what is too long for a number of columns.
    pub fn text(
        &self,
        width: usize,
        unicode: bool,
        catalog: &Catalog,
        fold: impl Fn(&str, usize) -> Vec<String>,
    ) -> String {
        let title = catalog.say(words::CALLS_OF, &[("command", &self.command)]);
        let mut text = format!("{}\n\n", fold(&title, width).join("\n"));
        let (wide, length) = (width.saturating_sub(60).min(40), self.length());
        for step in &self.steps {
            let bar = bar((step.from, step.to), length, wide, unicode);
            let bar = if wide < 12 { String::new() } else { format!("  {bar}") };
            let line = format!("{:>8}  {:<10}  {:<24}{bar}", millis(step.from), step.role, step.name());
            let _ = writeln!(text, "{}", line.trim_end());
            for line in fold(&catalog.sentence(&step.reason()), width.saturating_sub(22)) {
                let _ = writeln!(text, "{:22}{line}", "");
            }
        }
        let _ = writeln!(text, "\n{:>8}  {}", millis(length), catalog.say(words::MILLISECONDS, &[]));
        text
    }

    /// A row for each step, its bar where it was in time; a long silence of all is cut short and marked.
    pub fn svg(&self, catalog: &Catalog) -> String {
        const ROW: usize = 19;
        const LEFT: usize = 350;
        const WIDE: usize = 500;
        let breaks = self.silences();
        let shown =
            |micros: u32| micros - breaks.iter().filter(|(from, _)| *from < micros).map(|one| one.1).sum::<u32>();
        let length = shown(self.length());
        let height = columns(ROW * (self.steps.len() + 2));
        let words = self.steps.iter().map(|step| format!("{} ms {} {}", millis(step.from), step.role, step.name()));
        let title = catalog.say(words::CALLS_OF, &[("command", &self.command)]);
        let sheet = page(&title, &words.collect::<Vec<_>>().join("; "), columns(LEFT + WIDE + 20), height);
        let at = |micros: u32| columns(LEFT) + f64::from(shown(micros)) / f64::from(length.max(1)) * columns(WIDE);
        let mut body = Group::new();
        for (from, cut) in &breaks {
            let x = at(*from) + f64::from(SILENCE) / 2.0 / f64::from(length.max(1)) * columns(WIDE);
            let line = Line::new().set("class", "break").set("x1", px(x)).set("x2", px(x));
            let label = Text::new(catalog.say(words::LEFT_OUT, &[("time", &millis(*cut))])).set("text-anchor", "end");
            let label = label.set("x", px(x - 4.0)).set("y", px(height - 10.0)).set("class", "says");
            body = body.add(line.set("y1", 6).set("y2", px(height - 6.0))).add(label);
        }
        for (number, step) in self.steps.iter().enumerate() {
            let y = ROW * (number + 1);
            let word = |text: &str, x: usize| Text::new(text).set("x", x).set("y", y);
            let wide = (at(step.to) - at(step.from)).max(2.0);
            let bar = Rectangle::new().set("class", "bar").set("x", px(at(step.from))).set("y", y - 11);
            body = body
                .add(word(&millis(step.from), 70).set("text-anchor", "end"))
                .add(word(&step.role, 85))
                .add(word(&step.name(), 170))
                .add(
                    Group::new()
                        .add(Title::new(catalog.sentence(&step.reason())))
                        .add(bar.set("width", px(wide)).set("height", 12)),
                );
        }
        sheet.add(body).to_string() + "\n"
    }

    /// Where nobody asks anything for long: from when on, and how much of it is left out.
    fn silences(&self) -> Vec<(u32, u32)> {
        let mut busy: Vec<(u32, u32)> = self.steps.iter().map(|step| (step.from, step.to)).collect();
        busy.sort_unstable();
        let (mut end, mut found) = (0, Vec::new());
        for (from, to) in busy {
            if from > end + 2 * SILENCE {
                found.push((end, from - end - SILENCE));
            }
            end = end.max(to);
        }
        found
    }

    /// As Graphviz draws it: a chain of steps for each process.
    pub fn dot(&self) -> String {
        let mut text = "digraph {\n  node [shape=box, fontname=monospace];\n".to_owned();
        for (number, step) in self.steps.iter().enumerate() {
            let label = format!("{} {}: {}", millis(step.from), step.role, step.name());
            let _ = writeln!(text, "  n{number} [label={}];", serde_json::json!(label));
            let before = self.steps[..number].iter().rposition(|other| other.pid == step.pid);
            if let Some(before) = before.or_else(|| number.checked_sub(1)) {
                let _ = writeln!(text, "  n{before} -> n{number};");
            }
        }
        text + "}\n"
    }

    /// As mermaid draws it: each process asks the kernel.
    pub fn mermaid(&self) -> String {
        let mut text = "sequenceDiagram\n".to_owned();
        let mut roles: Vec<&str> = Vec::new();
        for step in self.steps.iter().filter(|step| !step.role.is_empty()) {
            if !roles.contains(&step.role.as_str()) {
                roles.push(&step.role);
            }
        }
        let all = roles.iter().chain(&["kernel"]).map(|role| format!("  participant {role}\n"));
        text.extend(all);
        for step in &self.steps {
            let _ = writeln!(text, "  {}->>kernel: {} ms {}", step.role, millis(step.from), step.name());
        }
        text
    }
}

impl Step {
    /// The answer to its last call, or soon after it more of the same: the same call, or the next part of a mount by
    /// descriptor, which is three calls.
    fn goes_on_with(&self, call: &Call, at: u32) -> bool {
        const MOUNT: [&str; 3] = ["open_tree", "mount_setattr", "move_mount"];
        let same = self.call == call.call || [&self.call, &call.call].iter().all(|name| MOUNT.contains(&name.as_str()));
        same && (call.phase == "exit" || at.saturating_sub(self.to) < PAUSE)
    }

    /// `mount ×7`, and how it ended where it did not work.
    fn name(&self) -> String {
        let errors = if self.errors.is_empty() { String::new() } else { format!(" {}", self.errors.join(" ")) };
        if self.times > 1 { format!("{} ×{}{errors}", self.call, self.times) } else { self.call.clone() + &errors }
    }

    fn reason(&self) -> String {
        if self.times > 1 { format!("{}, …", self.why) } else { self.why.clone() }
    }
}

fn millis(micros: u32) -> String {
    format!("{}.{:02}", micros / 1000, micros % 1000 / 10)
}

/// `····███····`: where it was in the whole.
fn bar((from, to): (u32, u32), length: u32, wide: usize, unicode: bool) -> String {
    let (full, empty) = if unicode { ('█', '·') } else { ('#', '.') };
    let column = |micros: u32| {
        let at = u64::from(micros) * u64::try_from(wide).unwrap_or(0) / u64::from(length);
        usize::try_from(at).unwrap_or(0).min(wide.saturating_sub(1))
    };
    (0..wide).map(|at| if (column(from)..=column(to)).contains(&at) { full } else { empty }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(phase: &str, role: &str, pid: i32, name: &str, micros: u32) -> Call {
        let errno = (phase == "exit" && name == "open").then(|| "ENOENT".to_owned());
        let (phase, role, why) = (phase.into(), role.into(), "because".into());
        Call { phase, role, pid, call: name.into(), why, errno, micros }
    }

    /// Two processes take turns, the counter runs over, the last call does not return.
    fn timeline() -> Timeline {
        let heard = [
            call("enter", "cli", 1, "fork", u32::MAX - 99),
            call("enter", "init", 2, "mount", 100),
            call("exit", "cli", 1, "fork", 200),
            call("exit", "init", 2, "mount", 300),
            call("enter", "cli", 1, "open", 350),
            call("enter", "init", 2, "mount", 400),
            call("exit", "cli", 1, "open", 450),
            call("exit", "init", 2, "mount", 500),
            call("enter", "init", 2, "execve", 900),
        ];
        Timeline::new("run".into(), &heard)
    }

    #[test]
    fn calls_of_one_process_are_counted_together_also_where_another_comes_between() {
        let line = timeline();
        let seen: Vec<_> = line.steps.iter().map(|step| (step.name(), step.from, step.to)).collect();
        let named = |name: &str, from, to| (name.to_owned(), from, to);
        let wanted = [("fork", 0, 300), ("mount ×2", 200, 600), ("open ENOENT", 450, 550), ("execve", 1000, 1000)];
        assert_eq!(seen, wanted.map(|(name, from, to)| named(name, from, to)));
    }

    #[test]
    fn each_form_has_every_step() {
        let line = timeline();
        let text = line.text(100, true, &Catalog::default(), |line, _| vec![line.to_owned()]);
        let forms = [text, line.svg(&Catalog::default()), line.dot(), line.mermaid()];
        for form in forms {
            assert!(["fork", "mount ×2", "open ENOENT", "execve"].iter().all(|name| form.contains(name)), "{form}");
        }
    }
}
