//! The command line that the story is about: `docker run [-i] [-t] IMAGE [COMMAND…]`.

use crate::error::Explain;
use crate::exit::Exit;
use serde::Serialize;

/// What was typed after `docker run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DockerCommand {
    /// `-i`.
    pub interactive: bool,
    /// `-t`.
    pub terminal: bool,
    /// The image.
    pub image: String,
    /// The command; empty for the image's own.
    pub command: Vec<String>,
}

/// A word that the walk does not tell about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// A flag.
    #[error("the walk tells about -i and -t only, not about {0}")]
    Flag(String),
    /// No image.
    #[error("no image is named")]
    NoImage,
}

impl Explain for NotUnderstood {
    fn hint(&self) -> Option<String> {
        Some("explore walk -- -it demo sh".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl DockerCommand {
    /// Reads the words after `docker run`.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn parse(words: &[String]) -> Result<Self, NotUnderstood> {
        let mut read = Self { interactive: false, terminal: false, image: String::new(), command: Vec::new() };
        let mut words = words.iter();
        for word in words.by_ref() {
            match word.as_str() {
                "-it" | "-ti" => (read.interactive, read.terminal) = (true, true),
                "-i" | "--interactive" => read.interactive = true,
                "-t" | "--tty" => read.terminal = true,
                flag if flag.starts_with('-') => return Err(NotUnderstood::Flag(flag.to_owned())),
                image => {
                    image.clone_into(&mut read.image);
                    break;
                }
            }
        }
        read.command = words.cloned().collect();
        if read.image.is_empty() { Err(NotUnderstood::NoImage) } else { Ok(read) }
    }

    /// Each word with the stages that it is for.
    pub fn words(&self) -> Vec<(String, &'static str)> {
        let mut words = vec![("docker run".to_owned(), "2 create, 4 network, 6 exit: every run has them")];
        let flags = match (self.interactive, self.terminal) {
            (true, true) => "-it",
            (true, false) => "-i",
            (false, true) => "-t",
            (false, false) => "",
        };
        if !flags.is_empty() {
            let about = match flags {
                "-it" => "5 exec: its input stays open (-i), and it gets a terminal (-t)",
                "-i" => "5 exec: its input stays open",
                _ => "5 exec: it gets a terminal",
            };
            words.push((flags.to_owned(), about));
        }
        words.push((self.image.clone(), "1 pull: the image; 3 final layer: one writable layer on top of it"));
        if !self.command.is_empty() {
            words.push((self.command.join(" "), "5 exec: what PID 1 becomes"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DockerCommand, NotUnderstood> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        DockerCommand::parse(&words)
    }

    #[test]
    fn flags_end_where_the_image_stands() {
        let command = read("-it debian ls -la").unwrap();
        assert!(command.interactive && command.terminal);
        assert_eq!((command.image.as_str(), command.command.join(" ").as_str()), ("debian", "ls -la"));
    }

    #[test]
    fn what_the_walk_does_not_tell_about_is_refused_by_name() {
        assert_eq!(read("--privileged debian"), Err(NotUnderstood::Flag("--privileged".into())));
        assert_eq!(read("-it"), Err(NotUnderstood::NoImage));
    }
}
