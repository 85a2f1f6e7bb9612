//! The program as its users run it: a process of its own, real networks, real HTTP.

mod browser;
mod camera;
mod curl;
mod demo;
mod fuzz;
mod nodes;
mod overload;
mod provider;
mod server;
#[path = "../testpg/server.rs"]
mod testpg;
