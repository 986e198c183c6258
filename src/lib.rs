//! `docker run -it debian /bin/bash`, taken apart.
//!
//! Read [`stages`] from pull to exit to follow the command; go down into [`kernel`] once per mechanism. The other
//! modules look at what was made ([`probe`]), teach it ([`lesson`], [`book`]), keep it ([`state`], [`image`]) and tell
//! it ([`narrate`]). Calls go down only: cli, lesson, stages and probe, kernel, narrate.

pub mod book;
pub mod cli;
pub mod error;
pub mod exit;
pub mod guest;
pub mod image;
pub mod kernel;
pub mod kit;
pub mod lesson;
pub mod map;
pub mod narrate;
pub mod probe;
pub mod stages;
pub mod state;
pub mod walk;
pub mod without;
