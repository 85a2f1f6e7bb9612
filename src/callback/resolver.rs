//! Resolves the name of a host to the addresses that may be connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names: by the system, or by the script of a test.
pub trait Lookup: Send + Sync {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

pub struct System;

impl Lookup for System {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) }.boxed()
    }
}

/// The host has no address that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the host has no public address")]
pub struct Refused;

/// Lets only admitted addresses through. The client connects to exactly the addresses it returns; no second look-up
/// takes place.
pub struct Guard {
    pub lookup: Arc<dyn Lookup>,
    pub admits: fn(IpAddr) -> bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let admits = self.admits;
        let looking = self.lookup.lookup(name.as_str());
        Box::pin(async move {
            let found = looking.await?.into_iter().filter(|found| admits(*found));
            // The caller sets the port.
            let found: Vec<SocketAddr> = found.map(|found| SocketAddr::new(found, 0)).collect();
            if found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
