//! `explore registry`: what a pull of `demo` talks to for a moment, for as long as one likes, and with its log.

use super::{Context, explained};
use crate::exit::Exit;
use crate::image::catalog;
use crate::image::registry::server::{self, Answered};
use crate::stages::pull::listen;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The port to listen on; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    port: u16,
}

/// Nobody can be answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on 127.0.0.1:{port}")]
pub(super) struct CannotListen {
    pub(super) port: u16,
    #[source]
    pub(super) source: std::io::Error,
}

impl crate::error::Explain for CannotListen {
    fn hint(&self) -> Option<String> {
        Some(match self.source.kind() {
            std::io::ErrorKind::AddrInUse => "somebody listens there already; `--port 0` takes one that is free".into(),
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root; `--port 0` takes one that is free".into()
            }
            _ => "where loopback is down root can say `ip link set lo up`".into(),
        })
    }
}

pub(super) fn run(arguments: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let layout = catalog::layout(&context.roots()?).map_err(explained)?;
    let failed = |source| explained(CannotListen { port: arguments.port, source });
    let listener = listen(arguments.port).map_err(failed)?;
    let address = listener.local_addr()?;
    let screen = &mut context.screen;
    if screen.json {
        screen.data(&serde_json::json!({ "schema": 1, "address": address }))?;
    } else {
        screen.line(&format!("http://{address}"))?;
    }
    server::serve(listener, &layout, &mut |one| if screen.json { screen.data(one) } else { screen.line(&line(one)) })?;
    Ok(Exit::Ok)
}

fn line(one: &Answered) -> String {
    let bytes = one.bytes.map(|bytes| format!(" {bytes}")).unwrap_or_default();
    format!("{} {} {}{bytes}", one.method, one.path, one.status)
}
