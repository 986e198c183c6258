//! Each malformed page says where it is wrong, what was expected and what was found.

use super::{BlockKind, Page, Side, parse};
use std::fmt::Write;

fn page(front: &str, body: &str) -> String {
    format!("---\ntitle: T\nstage: exec\nminutes: 5\n{front}---\n# T {{#t}}\n\n{body}\n")
}

fn faults(source: &str) -> String {
    let mut text = String::new();
    for fault in parse("x.md", source).unwrap_err() {
        writeln!(text, "{fault}").unwrap();
    }
    text
}

fn good(source: &str) -> Page {
    parse("lessons/5-exec/x.md", source).unwrap_or_else(|faults| panic!("{faults:?}"))
}

#[test]
fn the_sample_of_the_design_is_well_formed() {
    let page = good(include_str!("../../../tests/lessons/sample.md"));
    let kinds: Vec<String> = page.blocks().map(|block| block.id.clone()).collect();
    assert_eq!(kinds, ["seen-from-host", "sh-1", "sh-2", "kill-one", "nested", "check-1", "compare-1"]);
    let BlockKind::Predict(kill) = &page.blocks().nth(3).unwrap().kind else { panic!("a prediction") };
    assert_eq!(kill.act.as_ref().unwrap().text, "kill -KILL 1");
    assert_eq!(kill.act.as_ref().unwrap().side, Side::Inside);
    assert_eq!(kill.options[0].test.text, "! kill -0 $INIT");
    assert_eq!(kill.options.len(), 3);
}

#[test]
fn a_status_and_several_lines_are_kept() {
    let page = good(&page("inside: --uts\n", "```sh inside fails=3\na\n\n  b: c\n```"));
    let BlockKind::Shell(shell) = &page.blocks().next().unwrap().kind else { panic!("a shell block") };
    assert_eq!((shell.commands.as_str(), shell.status), ("a\n\n  b: c", 3));
}

#[test]
fn front_matter_that_is_wrong() {
    insta::assert_snapshot!(faults("# T\n"), @"
    x.md:1:1: expected front matter between two lines of --- with title, stage, after, minutes, needs, inside, helpers, see, found `# T`
    x.md:1:1: expected an id at the end of the h1 heading, as {#name}, found `# T`
    ");
    insta::assert_snapshot!(faults("---\ntitle: T\nstage: exec\nminuets: 3\n---\n"), @"x.md:4:1: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found unknown field `minuets`, expected one of title, stage, after, minutes, needs, inside, helpers, see");
    insta::assert_snapshot!(faults("---\ntitle: T\nstage: exce\nminutes: 3\n---\n"), @"x.md:3:8: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found unknown variant `exce`, expected one of before, pull, create, layer, network, exec, exit, after");
    insta::assert_snapshot!(faults("---\ntitle: [T\nstage: exec\nminutes: 3\n---\n"), @"x.md:2:8: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found no text; in quotes everything is text");
    insta::assert_snapshot!(faults("---\nstage: exec\nminutes: 3\n---\n"), @"x.md:3:1: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found missing field `title`");
    insta::assert_snapshot!(faults("---\ntitle: T\nstage: exec\nminutes: soon\n---\n"), @"x.md:4:10: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found no whole number");
    let known: Vec<&str> = crate::probe::need::ids().collect();
    let of_needs = faults(&page("needs: [moon]\n", "")).replace(&known.join(", "), "all of them");
    insta::assert_snapshot!(of_needs, @"x.md:5:1: expected a need that `explore doctor` knows (all of them), found `moon`");
    insta::assert_snapshot!(faults(&page("inside: --pid --moon\n", "")), @"x.md:5:1: expected the words of `explore ns create`, as --pid --mount --proc, found unexpected argument '--moon'");
    insta::assert_snapshot!(faults(&page("helpers: [moon]\n", "")), @"x.md:5:11: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found unknown variant `moon`, expected one of uts, pid, mnt, net, ipc, user, cgroup, time");
    insta::assert_snapshot!(faults(&page("see: [moon]\n", "")), @"x.md:5:1: expected a manual page, as proc(5), found `moon`");
}

#[test]
fn fences_that_are_wrong() {
    insta::assert_snapshot!(faults(&page("", "```predct x\n```")), @"x.md:8:1: expected a kind of block (sh outside, sh inside, predict ID, exercise ID, check, compare) or a language to read (text, console, c, rust, json, toml, yaml, diff), found `predct`");
    insta::assert_snapshot!(faults(&page("", "```sh\nls\n```")), @"x.md:8:1: expected the side: sh outside or sh inside, found `sh`");
    insta::assert_snapshot!(faults(&page("", "```sh beside\nls\n```")), @"x.md:8:1: expected the side: sh outside or sh inside, found `sh beside`");
    insta::assert_snapshot!(faults(&page("", "```sh outside fails=no\nls\n```")), @"x.md:8:1: expected fails=N with a status from 1 to 255, found `fails=no`");
    insta::assert_snapshot!(faults(&page("", "```sh outside\n```")), @"x.md:8:1: expected commands, found an empty block");
    insta::assert_snapshot!(faults(&page("", "```sh inside\nls\n```")), @"x.md:8:1: expected outside, or `inside:` in the front matter that says what inside means, found `inside`");
    insta::assert_snapshot!(faults(&page("", "```sh outside\nls\n")), @"x.md:8:1: expected a closing ``` for this block, found the end of the page");
    insta::assert_snapshot!(faults(&page("", "- ```sh outside\n  ls\n  ```")), @"x.md:8:3: expected a block that runs at the left margin, found one inside a list or a quote");
    insta::assert_snapshot!(faults(&page("", "## No id")), @"x.md:8:1: expected an id at the end of the h2 heading, as {#name}, found `## No id`");
    insta::assert_snapshot!(faults(&page("", "## Twice {#t}")), @"x.md:8:1: expected a heading id of its own, found a second {#t}");
    insta::assert_snapshot!(faults(&page("", "```compare\n```")), @"x.md:8:1: expected `inside: container NAME`, as the front matter has no `inside:`, found none in the block");
    insta::assert_snapshot!(faults(&page("", "```compare\ninside: box\n```")), @"
    x.md:8:1: expected `inside: container NAME`, as the front matter has no `inside:`, found none in the block
    x.md:9:1: expected inside: container NAME, found `inside: box`
    ");
    insta::assert_snapshot!(faults(&page("inside: --pid\n", "```compare\nuname moon\n```")), @"x.md:10:1: expected uname ps ip, found `uname moon`");
    insta::assert_snapshot!(faults(&page("inside: --pid\n", "```compare pid\noutside: x\n```")), @"
    x.md:9:1: expected compare and no more, found `compare pid`
    x.md:10:1: expected one of inside (a sentence begins with a capital), found `outside:`
    ");
}

const OPTIONS: &str = "- A\n  if outside: true\n  why: w\n- B\n  if outside: false\n  why: w\n";

#[test]
fn predictions_that_are_wrong() {
    let block = |id: &str, body: &str| faults(&page("", &format!("```predict {id}\n{body}```")));
    insta::assert_snapshot!(block("", &format!("Q\n{OPTIONS}")), @"x.md:8:1: expected an id: predict ID, found `predict` alone");
    insta::assert_snapshot!(block("Not_an_id", &format!("Q\n{OPTIONS}")), @"x.md:8:1: expected an id of lower-case letters, digits and -, found `Not_an_id`");
    insta::assert_snapshot!(block("x y", &format!("Q\n{OPTIONS}")), @"x.md:8:1: expected predict ID and no more, found `predict x y`");
    insta::assert_snapshot!(block("x", OPTIONS), @"x.md:9:1: expected a question, found `- A`");
    insta::assert_snapshot!(block("x", "Q\n- A\n  if outside: true\n  why: w\n"), @"x.md:8:1: expected two options or more, so that one can be wrong, found 1");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  why: w\n")), @"x.md:16:1: expected `if inside:` or `if outside:` that tests the option, found none for `C`");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  if outside: true\n")), @"x.md:16:1: expected `why:` for the option, found none for `C`");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  if outside: true\n  if outside: true\n  why: w\n")), @"x.md:18:3: expected if once, found a second one");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  if beside: true\n  why: w\n")), @"
    x.md:16:1: expected `if inside:` or `if outside:` that tests the option, found none for `C`
    x.md:17:3: expected a side: if inside: or if outside:, found `beside`
    ");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  if: true\n  why: w\n")), @"
    x.md:16:1: expected `if inside:` or `if outside:` that tests the option, found none for `C`
    x.md:17:3: expected a side: if inside: or if outside:, found `if:` without one
    ");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}- C\n  if outside:\n  why:\n")), @"
    x.md:16:1: expected `if inside:` or `if outside:` that tests the option, found none for `C`
    x.md:16:1: expected `why:` for the option, found none for `C`
    x.md:17:3: expected a command after if outside:, found nothing
    x.md:18:3: expected text after why:, found nothing
    ");
    insta::assert_snapshot!(block("x", &format!("Q\n{OPTIONS}hnit: h\n")), @"x.md:16:1: expected one of act, hint, and in an option if, why, myth (a sentence begins with a capital), found `hnit:`");
    insta::assert_snapshot!(block("x", &format!("Q\nact inside: ls\n{OPTIONS}And more text\n")), @"
    x.md:10:1: expected outside, or `inside:` in the front matter that says what inside means, found `inside`
    x.md:17:1: expected an option (`- `) or a key (`hint:`), found `And more text`
    ");
    let twice = format!("```predict x\nQ\n{OPTIONS}```\n\n```predict x\nQ\n{OPTIONS}```");
    insta::assert_snapshot!(faults(&page("", &twice)), @"x.md:18:1: expected an id that no other block of the page has, found `x` again");
}

#[test]
fn exercises_and_checks_that_are_wrong() {
    let exercise = |body: &str| faults(&page("", &format!("```exercise x\n{body}```")));
    insta::assert_snapshot!(exercise("Do it.\n"), @"
    x.md:8:1: expected `verify inside:` or `verify outside:`, found none in the block
    x.md:8:1: expected `solution inside:` or `solution outside:`, found none in the block
    x.md:8:1: expected `hint:`, found none in the block
    ");
    insta::assert_snapshot!(exercise("verify outside: true\nsolution outside: true\nhint: h\n"), @"x.md:9:1: expected a task, found `verify outside: true`");
    insta::assert_snapshot!(
        exercise("Do it.\nverify outside: true\nsolution outside: true\nwrong outside: ls\nhint: h\n"), @"x.md:12:1: expected `says:` in the line after `wrong`, found none");
    insta::assert_snapshot!(
        exercise("Do it.\nverify outside: true\nverify outside: true\nsolution outside: true\nhint: h\n"), @"x.md:11:1: expected verify once, found a second one");
    let check = |body: &str| faults(&page("", &format!("```check\n{body}```")));
    insta::assert_snapshot!(check(""), @"x.md:8:1: expected a claim with its `if`, found none in the block");
    insta::assert_snapshot!(check("A claim\n"), @"x.md:9:1: expected `if inside:` or `if outside:` under the claim, found none");
    insta::assert_snapshot!(check("A claim\n  why: w\n"), @"x.md:9:1: expected `if inside:` or `if outside:` under the claim, found `why:`");
    insta::assert_snapshot!(check("  if outside: true\n"), @"x.md:9:3: expected a claim in words, found `if outside: true`");
}

#[test]
fn front_matter_as_people_write_it_who_never_read_of_yaml() {
    let of_front = |front: &str| faults(&page(front, ""));
    insta::assert_snapshot!(of_front("after: namespaces\n"), @"x.md:5:8: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found no list; a list is written [one, two]");
    insta::assert_snapshot!(of_front("minutes: 6\n"), @"x.md:5:1: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found `minutes` twice");
    insta::assert_snapshot!(of_front("inside: uts pid\n"), @"x.md:5:1: expected the words of `explore ns create`, as --pid --mount --proc, found unexpected argument 'uts'");
    insta::assert_snapshot!(of_front("inside: --uts\nhelpers: [net]\n"), @"x.md:6:1: expected helpers that `inside:` makes, found `net`");
    let whole = page("", "");
    insta::assert_snapshot!(faults(&whole.replace("title: T", "title: PID: one")), @"x.md:2:11: expected front matter with title, stage, after, minutes, needs, inside, helpers, see, found a second colon; a text with a colon in it is put in quotes");
    insta::assert_snapshot!(faults(&whole.replace("title: T", "title: ''")), @"x.md:2:1: expected a title, found an empty one");
    insta::assert_snapshot!(faults(&whole.replace("minutes: 5", "minutes: 0")), @"x.md:4:1: expected minutes from 1, found 0");
    insta::assert_snapshot!(faults(&whole.replace("---\n# T", "\n# T")), @"x.md:5:1: expected a second line of ---, which ends the front matter, found none");
}

#[test]
fn texts_of_other_systems_and_names_that_nobody_can_type() {
    let whole = page("", "text");
    insta::assert_snapshot!(faults(&whole.replace('\n', "\r\n")), @"x.md:1:4: expected lines that end with LF alone, found CR and LF, as on Windows");
    insta::assert_snapshot!(faults(&format!("\u{feff}{whole}")), @"x.md:1:1: expected --- as the first bytes, found a byte order mark before it; save it as UTF-8 without one");
    let named = |file: &str| parse(file, &whole).unwrap_err()[0].to_string();
    insta::assert_snapshot!(named("mine/My Lesson.md"), @"mine/My Lesson.md:1:1: expected a file name of lower-case letters, digits and -, which is what is typed, found `My Lesson.md`");
    insta::assert_snapshot!(named("mine/next.md"), @"mine/next.md:1:1: expected a name that `explore lesson` has no other meaning for, found `next`");
}

#[test]
fn what_would_be_taken_for_text_in_silence() {
    let block = |body: &str| faults(&page("", &format!("```predict x\n{body}```")));
    insta::assert_snapshot!(block(&format!("Q\nAct outside: ls\n{OPTIONS}")), @"x.md:10:1: expected a key in lower-case letters, found `Act outside: ls`");
    insta::assert_snapshot!(block(&format!("Q\nHint: h\n{OPTIONS}")), @"x.md:10:1: expected a key in lower-case letters, found `Hint: h`");
    insta::assert_snapshot!(block(&format!("Q\n{}", OPTIONS.replace("- B", "- A"))), @"x.md:13:3: expected an option that no other one is, found `A` again");
    insta::assert_snapshot!(faults(&page("", &format!("```predict sh-1\nQ\n{OPTIONS}```"))), @"x.md:8:1: expected an id that is not a name for the blocks without one, found `sh-1`");
    insta::assert_snapshot!(faults(&page("", "    ```sh outside\n    ls\n    ```")), @"x.md:8:5: expected a block at the left margin, found one that is indented, and would not run");
    insta::assert_snapshot!(faults(&page("", "~~~sh outside\nls\n```")), @"x.md:8:1: expected a closing ``` for this block, found the end of the page");
    insta::assert_snapshot!(faults(&page("", "# Another {#another}")), @"x.md:8:1: expected one heading with a single #; the others have ##, found `# Another {#another}`");
    insta::assert_snapshot!(faults(&page("", "text").replace("# T {#t}", "")), @"x.md:6:1: expected a first heading, as # TITLE {#name}, found none in the page");
}

/// For YAML a carriage return alone ends a line; for an editor, and for who is to find the place, it does not.
#[test]
fn a_place_in_the_front_matter_is_counted_as_an_editor_counts() {
    let told = faults("---\ntitle: T\nneeds: [uts-namespace,\r\r\r fresh-proc]\nstage: exec\n-ds: x\n---\n# T {#t}\n");
    assert!(told.starts_with("x.md:5:1: "), "{told}");
}
