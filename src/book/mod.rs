//! The book: lessons as chapters of mdBook, with what a kernel printed, and the template for those who translate it.

pub mod template;
