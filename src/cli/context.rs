//! What a command needs besides its own arguments.

use super::{Global, Screen, explained};
use crate::lesson::catalog::{Catalog, Language};
use crate::lesson::{self, run::Scope};
use crate::stages::keeper::{self, Share};
use crate::state::Roots;
use std::sync::OnceLock;

/// Flags that hold everywhere, the screen, and the state folders once they are asked for.
#[derive(Debug)]
pub struct Context {
    /// What was said on the command line.
    pub global: Global,
    /// Where output goes.
    pub screen: Screen,
    share: Option<(Roots, Share)>,
    catalog: OnceLock<Catalog>,
}

impl Context {
    /// The context of one run of the program.
    pub fn new(global: Global) -> Self {
        let screen = Screen::stdout(global.json);
        Self { global, screen, share: None, catalog: OnceLock::new() }
    }

    /// The words for what people read. What programs read is always the same.
    pub fn catalog(&self) -> &Catalog {
        self.catalog.get_or_init(|| Catalog::of(self.global.language()))
    }

    /// A finished sentence in the reader's language.
    pub fn say(&self, english: &str) -> String {
        self.catalog().sentence(english)
    }

    /// Prints a finished sentence in the reader's language.
    ///
    /// # Errors
    /// Those of [`Screen::line`].
    pub fn tell(&mut self, english: &str) -> std::io::Result<()> {
        let line = self.say(english);
        self.screen.line(&line)
    }

    /// The state folders, made where they are missing.
    ///
    /// # Errors
    /// Those of [`Roots::find`] and [`Roots::prepare`].
    pub fn roots(&self) -> anyhow::Result<Roots> {
        let roots = Roots::find(self.global.root.as_deref()).map_err(explained)?;
        roots.prepare().map_err(explained)?;
        Ok(roots)
    }

    /// The state folders for a command that changes containers: one who is not root goes where he may (the keeper's
    /// namespaces), and what a killed explore has left is taken back first.
    ///
    /// # Errors
    /// Those of [`Context::roots`], [`keeper::enter`] and [`crate::stages::exit::recover`].
    pub fn container_roots(&mut self) -> anyhow::Result<Roots> {
        let roots = self.roots()?;
        self.enter(&roots)?;
        Ok(roots)
    }

    /// As [`Context::container_roots`], for a command that only looks: no keeper is started for it.
    ///
    /// # Errors
    /// As [`Context::container_roots`].
    pub fn container_roots_to_look(&mut self) -> anyhow::Result<Roots> {
        let roots = self.roots()?;
        lesson::run::clear_all(&roots, Scope::Orphans).map_err(explained)?;
        let share = keeper::enter_if_alive(&roots).map_err(explained)?;
        self.share = Some((roots.clone(), share));
        if keeper::is_inside() {
            crate::stages::exit::recover(&roots).map_err(explained)?;
        }
        Ok(roots)
    }

    /// The second half of [`Context::container_roots`], for one who still had something to do outside.
    ///
    /// # Errors
    /// As [`Context::container_roots`].
    pub fn enter(&mut self, roots: &Roots) -> anyhow::Result<()> {
        if self.share.is_none() {
            lesson::run::clear_all(roots, Scope::Orphans).map_err(explained)?;
            let share = keeper::enter(roots).map_err(explained)?;
            self.share = Some((roots.clone(), share));
            crate::stages::exit::recover(roots).map_err(explained)?;
        }
        Ok(())
    }

    /// Gives back what the command used: without root, the last one ends the keeper.
    pub fn leave(&mut self) {
        if let Some((roots, share)) = self.share.take() {
            share.leave(&roots);
        }
    }
}

impl Global {
    /// The language of errors, hints and all other text: English for a program, and for a language that we do not speak.
    pub(super) fn language(&self) -> Language {
        if self.json { Language::English } else { language(self.lang.as_deref()) }
    }
}

/// The language that was asked for, or that of the locale.
pub(super) fn language(asked: Option<&str>) -> Language {
    Language::choose(asked, |name| std::env::var(name).ok()).unwrap_or_default()
}
