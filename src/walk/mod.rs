//! `docker run`, told as one story: what each stage changes on this machine, and what it changes inside.
//!
//! Nothing is claimed that was not looked up a moment before: "on this machine" is what our own journal and folders
//! say (others use the machine too), "inside" is what the kernel says of the container's namespaces.

mod command;
mod observe;

pub use command::{DockerCommand, NotUnderstood};
pub use observe::{Change, Observed, Sign, observe, shared};

use serde::Serialize;

/// The six stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The image comes.
    Pull,
    /// The container is written down.
    Create,
    /// Its final layer is mounted.
    Layer,
    /// It is connected.
    Network,
    /// PID 1 runs.
    Exec,
    /// It ends.
    Exit,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Pull, Self::Create, Self::Layer, Self::Network, Self::Exec, Self::Exit];

    /// Its number, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|stage| *stage == self).map_or(0, |position| position + 1)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Create => "create",
            Self::Layer => "final layer",
            Self::Network => "network",
            Self::Exec => "exec",
            Self::Exit => "exit",
        }
    }

    /// What it does, in one sentence.
    pub fn does(self) -> &'static str {
        match self {
            Self::Pull => {
                "A name becomes layers on this disk: manifest, config and layers, each checked against its digest."
            }
            Self::Create => "A container is written down: an ID, a name, a configuration. Nothing runs yet.",
            Self::Layer => "The image's layers are stacked, read-only, and one empty writable layer is put on top.",
            Self::Network => "A network namespace of its own gets a cable to a bridge, an address, a route and NAT.",
            Self::Exec => {
                "PID 1 is born in new namespaces, changes its root, gives up privileges, becomes the program."
            }
            Self::Exit => "PID 1 ends. What the kernel held for it goes; what it wrote stays until it is removed.",
        }
    }

    /// The question before it.
    pub fn question(self) -> &'static str {
        match self {
            Self::Pull => "Is a container already there when the image is?",
            Self::Create => "After `docker create`, which processes, mounts and interfaces are new?",
            Self::Layer => "How much of the image is copied for this container?",
            Self::Network => "Who can have a network address when nothing runs yet?",
            Self::Exec => "Which number will the shell have, inside and out here?",
            Self::Exit => "The shell has ended. What of all this is left?",
        }
    }

    /// What to look at in what is shown then.
    pub fn answer(self) -> &'static str {
        match self {
            Self::Pull => "No. An image is files, and any number of containers can stand on it.",
            Self::Create => "None. A created container is a folder.",
            Self::Layer => "Nothing. The layers are shared; what this container writes goes to its upper, still empty.",
            Self::Network => {
                "A namespace. It lives as long as something holds it: a process, an open file, or a mount."
            }
            Self::Exec => "1 inside, and another one out here: one process, two numbers.",
            Self::Exit => "The upper, the log and the exit code. The namespaces went with their last process.",
        }
    }
}
