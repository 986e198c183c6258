//! Stage 5, exec: PID 1 runs.
//!
//! ```text
//! explore start ──fork──► explore supervise (from a read-only copy of this very program, see `seal`)
//!                            │ cgroup, pipes or terminal, network
//!                            └──clone3──► init ──execve──► the program: PID 1
//! ```
//!
//! A container is cloned by its **supervisor** and by nobody else: single-threaded, it owns the terminal, the log, the
//! child and its exit code, and it outlives the command that started it. If it dies, the container dies with it.

mod cgroup;
mod cgroup_view;
mod control;
mod devices;
mod follow;
mod hold;
mod hooks;
mod init;
mod join;
mod log;
pub mod message;
mod nodes;
mod oom;
mod privileges;
mod rootfs;
mod running;
mod seal;
mod socket;
mod spaces;
mod stand_in;
mod start;
mod stats;
mod supervisor;
mod sysctl;
mod waiting;
mod wiring;

pub mod oci;

pub use control::{ControlError, is_paused, pause, thaw, unpause, update};
pub use follow::{Follower, News};
pub use hold::{Held, hold};
pub use join::{Joining, join};
pub use log::{Line, LogReader};
pub use rootfs::at_rest;
pub use running::{Running, begun, find, last, lock_at_rest, members, running};
pub use socket::{call, hear_end, serve_names};
pub use stand_in::run as stand_in;
pub use start::{Ahead, Attachment, StartError, StartFailure, Told, ahead, attach, exec, start};
pub use stats::{Sample, Usage, sample};
pub use supervisor::{Orders, supervise};
