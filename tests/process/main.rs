//! The program as its users run it: a process of its own, real networks, real HTTP.

mod browser;
mod demo;
mod fuzz;
mod server;
