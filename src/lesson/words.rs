//! What lessons say themselves, in one table: a catalog can translate it, and the template is written from it.

/// One message in English, with `{name}` where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(&'static str);

impl Word {
    /// The message as it is written here: what a catalog knows it by.
    pub fn english(self) -> &'static str {
        self.0
    }
}

macro_rules! words {
    ($($(#[$about:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$about])* pub const $name: Word = Word($text);)*
        /// All of them, for the template.
        pub const ALL: &[Word] = &[$($name),*];
    };
}

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
    /// The lesson stays.
    KEPT = "It stays as it is. Enter: {enter}";
    /// The lesson stays.
    REMOVE = "Remove: {remove}";
}
