//! The command line itself.

use crate::support::explore;

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
