//! Where things are kept: two folders, JSON records written by rename, locks, and the journal.

mod journal;
mod lock;
mod record;
mod roots;

pub use journal::{Claim, Effect, Entry, Journal, ProcessIdentity};
pub use lock::Lock;
pub use record::{RecordError, read_record, sweep_drafts, write_record};
pub use roots::{RootError, Roots};
