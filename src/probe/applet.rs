//! `ps` and `ip` for the demo image, where the learner's machine has none. Only what the walk and the lessons type, in
//! the columns of procps and iproute2; anything else is refused in a sentence that says who is speaking.
//!
//! They look at the place in which they run, so nothing here joins or compares.

mod ip;
mod ps;

/// The programs that we can be, by the name we are started as.
pub const NAMES: [&str; 2] = ["ps", "ip"];

/// What such a program answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Output {
    fn of(out: String) -> Self {
        Self { out, ..Self::default() }
    }

    fn refused(program: &str, text: &str, code: u8) -> Self {
        let err =
            format!("{text}\n{program}: this is not the whole {program}: explore stands in for it in this image\n");
        Self { err, code, ..Self::default() }
    }
}

/// The processes with these numbers: the headings that `ps` with these options has, and the cells of each.
///
/// # Errors
/// A sentence: an option that is not known.
pub fn processes(options: &[String], numbers: &[i32]) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    ps::cells(options, numbers)
}

/// Runs as `name`, if that is one of [`NAMES`]. `width` is that of the terminal that reads; `None` without one.
pub fn run(name: &str, arguments: &[String], width: Option<usize>) -> Option<Output> {
    match name {
        "ps" => Some(ps::run(arguments, width)),
        "ip" => Some(ip::run(arguments)),
        _ => None,
    }
}
