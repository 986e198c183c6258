//! The command line itself.

use crate::support::{Learner, explore};

#[test]
fn help_is_asked_for_and_therefore_no_error() {
    let help = explore(["--help"]).run().status(0).stderr("").stdout_has("Usage: explore");
    assert!(help.out.contains("--narrate") && help.out.contains("--root"), "{}", help.shown());
}

#[test]
fn version_names_the_program_and_the_release() {
    explore(["--version"]).run().status(0).stdout(&format!("explore {}\n", env!("CARGO_PKG_VERSION"))).stderr("");
}

#[test]
fn our_own_commands_answer_a_wrong_command_line_with_2() {
    explore(["no-such-command"]).run().status(2).stdout("").stderr_has("no-such-command");
    explore(["--no-such-flag"]).run().status(2).stdout("").stderr_has("--no-such-flag");
}

#[test]
fn help_fits_the_terminal_that_reads_it() {
    for columns in [40, 80, 200] {
        let help = explore(["--help"]).terminal(columns).finish().status(0);
        let widest = help.out.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0);
        assert!(widest <= usize::from(columns), "a line of {widest} in {columns} columns\n{}", help.shown());
    }
}

#[test]
fn no_color_and_a_pipe_mean_no_escape_sequences() {
    let piped = explore(["--help"]).run().status(0);
    let plain = explore(["--help"]).env("NO_COLOR", "1").terminal(80);
    let mut plain = plain;
    plain.wait_for("Usage");
    assert!(!piped.out.contains('\x1b') && !plain.raw().contains(&0x1b), "{}", plain.screen());
}

#[test]
fn what_a_shell_completes_with_is_a_script_of_that_shell() {
    let learner = Learner::new();
    let script = learner.explore(["completion", "bash"]).run().status(0).stderr("").out;
    let place = learner.work().join("completion");
    // `COMP_WORDS` as bash fills it in when Tab is pressed after `explore lay`.
    let asked = "\nCOMP_WORDS=(explore lay); COMP_CWORD=1; _explore explore lay explore; echo ${COMPREPLY[*]}\n";
    std::fs::write(&place, script + asked).unwrap();
    learner.program("bash", [&place]).run().status(0).stdout("layer\n");
    explore(["completion", "tcsh"]).run().status(2).stderr_has("tcsh");
}

/// A page is looked for by its name, and says of each flag what `--help` says.
#[test]
fn each_command_has_a_manual_page_with_all_its_flags() {
    let learner = Learner::new();
    let told = learner.explore(["man", "--json", "pages"]).run().status(0).json();
    let pages: Vec<&str> = told["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    for page in ["explore.1", "explore-run.1", "explore-network-create.1", "explore-container-prune.1"] {
        assert!(pages.contains(&page), "{page} is not among {pages:?}");
    }
    learner.explore(["man", "pages"]).run().status(0).stdout("pages\n");
    for page in pages {
        let text = std::fs::read_to_string(learner.work().join("pages").join(page)).unwrap().replace("\\-", "-");
        for section in [".TH explore", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(section), "{page} has no {section}: {text}");
        }
        let words: Vec<&str> = page.trim_end_matches(".1").split('-').skip(1).collect();
        if words == ["oci"] {
            continue;
        }
        let help = learner.explore(words).arg("--help").run().status(0).out;
        // Second names of a flag are in the help alone.
        let help: String = help
            .split("[alias")
            .enumerate()
            .map(|(at, part)| part.split_once(']').filter(|_| at > 0).map_or(part, |(_, rest)| rest))
            .collect();
        let flags = help.split(|one: char| one.is_whitespace() || "[],=<`'.".contains(one));
        for flag in flags.filter(|word| word.len() > 2 && word.starts_with("--") && *word != "--help") {
            assert!(text.contains(flag), "{page} does not tell of {flag}");
        }
    }
}

#[test]
fn a_build_without_the_book_says_where_it_is() {
    let told = explore(["book", "--no-open"]).run().fails(1, "this build of explore carries no book");
    assert!(told.err.contains("mdbook build book"), "{}", told.shown());
    explore(["book", "--out", "DIR", "record"]).run().status(2);
}
