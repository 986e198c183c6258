//! What lessons say themselves, in one table: a catalog can translate it, and the template is written from it.

use crate::probe::Verdict;

/// One message in English, with `{name}` where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(pub(crate) &'static str);

impl Word {
    /// The message as it is written here: what a catalog knows it by.
    pub fn english(self) -> &'static str {
        self.0
    }
}

/// The word for what a comparison found.
pub fn of_verdict(verdict: &Verdict) -> Word {
    match verdict {
        Verdict::Same => SAME,
        Verdict::Differs => DIFFERS,
        Verdict::Translated { .. } => TRANSLATED,
        Verdict::Hidden => HIDDEN,
        Verdict::Denied(_) => DENIED,
        Verdict::Unknown(_) => UNKNOWN,
    }
}

macro_rules! words {
    ($($(#[$about:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$about])* pub const $name: Word = Word($text);)*
        /// All of them, for the template.
        pub const ALL: &[Word] = &[$($name),*];
    };
}
pub(crate) use words;

words! {
    /// Over a lesson: how long it takes.
    MINUTES = "about {minutes} min";
    /// Who runs it.
    AS_ROOT = "as root";
    /// Who runs it.
    AS_USER = "as an ordinary user, in a user namespace";
    /// Nothing runs here.
    AS_REPLAY = "REPLAY: recorded on another machine, nothing runs here";
    /// Before commands.
    OUTSIDE = "outside";
    /// Before commands.
    INSIDE = "inside";
    /// After a command that had to fail.
    FAILS_AS_EXPECTED = "(status {status}, as expected)";
    /// After an act.
    ENDED_WITH = "(status {status})";
    /// Before a question.
    PREDICT = "Predict";
    /// Before the choice.
    YOUR_PREDICTION = "Your prediction";
    /// Before an act.
    NOW = "Now, {side}:";
    /// A right prediction.
    RIGHT = "Right.";
    /// A wrong prediction.
    NOT_SO = "Not so, and here is why.";
    /// Nobody was asked.
    KERNEL_SAYS = "The kernel says:";
    /// Marks the option that holds.
    HOLDS = "holds";
    /// Marks the option that was chosen.
    YOURS = "yours";
    /// Before a reason.
    WHY = "Why: {why}";
    /// Before an exercise.
    EXERCISE = "Exercise";
    /// Before a solution.
    SOLUTION = "One way, {side}:";
    /// An exercise that is done.
    DONE = "Done: the kernel's state is as it should be.";
    /// An exercise that is not.
    NOT_DONE = "Not done yet: `{verify}` {side} says no.";
    /// A likely wrong way.
    WRONG_WAY = "`{command}` does not do it: {says}";
    /// Before a hint.
    HINT = "Hint: {hint}";
    /// No hints.
    NO_HINT = "There is no hint here.";
    /// Before checks.
    CHECK = "Check";
    /// In the book: over what was folded away.
    ANSWER = "Answer";
    /// In the book: where output comes from.
    RECORDED_ON = "recorded on {key}";
    /// In the book: what a kernel other than the one that is shown has said.
    ON_ANOTHER = "Otherwise on {key}";
    /// In the book: over the system calls of a block.
    ASKED = "What the kernel was asked";
    /// In the book: over the system calls before the first block.
    ASKED_FOR_PLACE = "What the kernel was asked to make the place";
    /// In the book: how many system calls.
    CALLS = "{calls} calls, as --narrate tells them";
    /// In the book: names the choice of the machine whose output is shown.
    CHOOSE_MACHINE = "Machine whose output is shown";
    /// In the book: no output.
    NOT_RECORDED = "not recorded";
    /// Before a comparison.
    COMPARE = "Inside beside outside";
    /// In a comparison: both sides have the same.
    SAME = "same";
    /// In a comparison: each side has its own.
    DIFFERS = "differs";
    /// In a comparison: one thing with a number on each side.
    TRANSLATED = "translated";
    /// In a comparison: the other side does not see it.
    HIDDEN = "hidden";
    /// In a comparison: the kernel does not tell.
    DENIED = "denied";
    /// In a comparison: it could not be told.
    UNKNOWN = "unknown";
    /// In a comparison: over the kinds of namespace.
    NAMESPACES = "namespaces (device:inode)";
    /// In a comparison: over the kinds that the lesson is about.
    SUBJECT_DIFFERS = "the subject: must differ";
    /// In a comparison: over the kinds that come with it.
    HELPERS_DIFFER = "helpers: differ because the subject needs them";
    /// In a comparison: over all other kinds.
    REST_IS_SAME = "the rest: must be the same";
    /// In a comparison: a kind that is not as its group says.
    MUST_DIFFER = "not as expected: {kind} must differ";
    /// In a comparison: a kind that is not as its group says.
    MUST_BE_SAME = "not as expected: {kind} must be the same";
    /// In a comparison: a process with two numbers.
    TWO_NUMBERS = "{inside} inside is {outside} outside";
    /// In a comparison: the others of that kind.
    MORE_NUMBERS = "and {number} more that have two numbers";
    /// In a comparison: how many processes.
    ONE_PROCESS = "1 process";
    /// In a comparison: how many processes.
    PROCESSES = "{number} processes";
    /// In a comparison: what the inside does not see.
    OUTSIDE_HIDDEN = "hidden: {processes} of the outside, which the inside does not see";
    /// In a comparison: what is left out.
    NOT_LISTED = "not listed: {processes} without relation to it (--all lists them)";
    /// In a comparison: what the kernel keeps to itself.
    UNTOLD = "unknown: {processes} of other users may be inside as well; the kernel does not tell us";
    /// In a comparison: a field of uname(2) that differs.
    TWO_VALUES = "{field}: {outside} outside, {inside} inside";
    /// In a comparison: a veth pair.
    ONE_CABLE = "{inside} inside and {outside} outside are the two ends of one cable";
    /// A kind of namespace: what the lesson is about.
    SUBJECT = "subject";
    /// A kind of namespace: what the subject needs.
    HELPER = "helper";
    /// A kind of namespace: all others.
    REST = "rest";
    /// Menu entry.
    SHOW_HINT = "a hint, please";
    /// A number was asked for.
    ASK_NUMBER = "number, h for a hint, q to leave: ";
    /// Not a number of the list.
    NO_SUCH_NUMBER = "a number from 1 to {last}, please";
    /// At a stop: something else was typed, most often a command.
    NO_SUCH_KEY = "`{typed}` is none of these: one letter, then Enter. Commands are typed in a shell.";
    /// At a stop.
    GO_ON = "go on";
    /// At a stop.
    SHELL_INSIDE = "a shell inside";
    /// At a stop.
    SHELL_OUTSIDE = "a shell outside";
    /// At a stop.
    VERIFY = "verify";
    /// At a stop.
    A_HINT = "hint";
    /// At a stop.
    AGAIN = "again";
    /// At a stop.
    LEAVE = "leave";
    /// Before the reader gets a shell.
    IN_SHELL = "You are {side}; `exit` brings you back.";
    /// After a new beginning.
    RENEWED = "(everything was made anew)";
    /// The lesson is over.
    FINISHED = "That was “{title}”.";
    /// The reader left.
    LEFT = "Left; what the lesson made is gone again.";
    /// Further reading.
    SEE = "Read on: {pages}";
    /// Of all predictions that were made.
    RIGHT_OF = "{right} of {made}";
    /// The lesson stays.
    KEPT = "It stays as it is. Enter: {enter}";
    /// The lesson stays.
    REMOVE = "Remove: {remove}";
}
