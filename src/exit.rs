//! How the program ends. Docker's numbers where Docker has one (docker-run(1), "Exit Status").

use std::process::ExitCode;

/// The ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all is well.
    Ok,
    /// 1: it did not work, or a check failed.
    Failed,
    /// 2: the command line of one of our own commands is wrong.
    Usage,
    /// 125: a container command failed in `explore` itself, or its command line is wrong.
    Engine,
    /// 126: the container's program is there and cannot be run.
    NotExecutable,
    /// 127: the container's program is not there.
    NotFound,
    /// The container's own code; 128+n where signal n ended it.
    Container(u8),
    /// A signal ended *us*: it is raised again, so that the shell sees it.
    Signal(i32),
}

impl Exit {
    /// The number, as a shell shows it in `$?`.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Engine => 125,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Container(code) => code,
            Self::Signal(number) => 128u8.wrapping_add(u8::try_from(number).unwrap_or(0)),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_numbers_are_dockers() {
        let table = [
            (Exit::Ok, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Engine, 125),
            (Exit::NotExecutable, 126),
            (Exit::NotFound, 127),
            (Exit::Container(3), 3),
            (Exit::Signal(libc::SIGINT), 130),
            (Exit::Signal(libc::SIGPIPE), 141),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
