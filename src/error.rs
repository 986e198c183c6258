//! What every error of this program can say besides its text: what the reader can do, and the exit code.

use crate::exit::Exit;

/// An error that knows what its reader can do about it.
///
/// Each stage has an enum of its own that implements this; `cli/` prints the chain once, then the hint.
pub trait Explain: std::error::Error {
    /// What the reader can do, as a sentence; `None` where there is nothing to be done.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The exit code that Docker gives for the same failure, where it has one.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// What went wrong, from the outermost to the cause: as it crosses from one process to another. A cause that repeats the
/// text before it is left out.
pub fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(one) = cause {
        all.push(one.to_string());
        cause = one.source();
    }
    all.dedup();
    all
}

impl Explain for crate::kernel::Error {
    fn hint(&self) -> Option<String> {
        crate::kernel::hint(self)
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}
