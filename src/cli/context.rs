//! What a command needs besides its own arguments.

use super::{Global, Screen, explained};
use crate::state::Roots;

/// Flags that hold everywhere, the screen, and the state folders once they are asked for.
#[derive(Debug)]
pub struct Context {
    /// What was said on the command line.
    pub global: Global,
    /// Where output goes.
    pub screen: Screen,
}

impl Context {
    /// The context of one run of the program.
    pub fn new(global: Global) -> Self {
        let screen = Screen::stdout(global.json);
        Self { global, screen }
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

    /// The state folders for a command that touches containers: what a killed explore has left is taken back first,
    /// and one who is not root goes where he is (`stages::keeper`).
    ///
    /// # Errors
    /// Those of [`Context::roots`] and of [`crate::stages::exit::recover`].
    pub fn container_roots(&self) -> anyhow::Result<Roots> {
        let roots = self.roots()?;
        crate::stages::exit::recover(&roots).map_err(explained)?;
        Ok(roots)
    }
}
