//! What a wish for a network means on this machine, found out before a folder exists: which network, which container,
//! which host name.

use super::{Container, CreateError, Request, find};
use crate::image::Image;
use crate::stages::network::{self, Mode, NetworkError, Wish, publish};
use crate::state::Roots;

/// A wish that can be granted.
#[derive(Debug)]
pub(super) struct Networking {
    /// With the names of networks and the IDs of containers in full.
    pub(super) mode: Mode,
    /// With the ports that the image exposes.
    pub(super) wish: Wish,
    /// The host name, where it does not follow from the container's ID.
    pub(super) hostname: Option<String>,
}

pub(super) fn resolve(roots: &Roots, request: &Request, image: &Image) -> Result<Networking, CreateError> {
    let wish = request.wish.clone();
    // `--hostname ""` says nothing.
    let wanted = request.hostname.clone().filter(|name| !name.is_empty());
    wish.check(&request.network, wanted.is_some())?;
    let (mode, shared) = match &request.network {
        Mode::Named(name) => (Mode::Named(network::find(roots, name)?.name), None),
        Mode::Container(name) => {
            let other = find(roots, name).map_err(|error| match error {
                // The same words, but it is the wish that cannot be granted.
                CreateError::NoSuchContainer(_) => NetworkError::Conflict(error.to_string()).into(),
                other => other,
            })?;
            (Mode::Container(other.id), Some(other.hostname))
        }
        Mode::Host => (Mode::Host, of_host()),
        other => (other.clone(), None),
    };
    // With --uts host the host name is this machine's, whatever the network is.
    let shared = if request.spaces.uts_of_host { of_host() } else { shared };
    let hostname = wanted.or(shared);
    Ok(Networking { mode, wish: with_exposed(wish, image)?, hostname })
}

/// The wish with the ports that the image exposes, and those that are published.
///
/// # Errors
/// [`CreateError::Exposed`].
pub fn with_exposed(mut wish: Wish, image: &Image) -> Result<Wish, CreateError> {
    let listed = image.config.config().as_ref().and_then(|config| config.exposed_ports().clone());
    for text in listed.into_iter().flatten() {
        wish.exposed.extend(publish::ports(&text).map_err(|why| CreateError::Exposed { text, why })?);
    }
    wish.exposed.extend(wish.publish.iter().map(|one| one.to));
    wish.exposed.sort_unstable();
    wish.exposed.dedup();
    Ok(wish)
}

fn of_host() -> Option<String> {
    nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned())
}

impl Container {
    /// `web` and `example.org` make `web.example.org`, the name of its addresses (moby, `Container.FullHostname`). Its own
    /// host name stays `web`, and `example.org` is the other name of its UTS namespace.
    pub fn full_name(&self) -> String {
        self.wish.domain().map_or_else(|| self.hostname.clone(), |domain| format!("{}.{domain}", self.hostname))
    }
}
