//! Lessons: pages that run.
//!
//! One Markdown file is the terminal lesson, the book's chapter and a test. [`page`] reads it, [`library`] keeps all of
//! them and their order. Nothing here prints: a front end in `cli/` does.

pub mod catalog;
pub mod class;
pub mod library;
pub mod markdown;
pub mod messages;
pub mod misconception;
pub mod need;
pub mod page;
pub mod progress;
pub mod recording;
mod redact;
pub mod run;
mod sentence;
pub mod words;
