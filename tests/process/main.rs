//! The program as its users run it: a process of its own, real networks, real HTTP.

mod attacks;
mod browser;
mod bucket;
mod callbacks;
mod camera;
mod clocks;
mod commands;
mod connections;
mod curl;
mod demo;
mod disk;
mod faults;
mod flood;
mod fuzz;
mod hostile;
mod keeping;
mod keys;
mod light;
mod nodes;
mod outages;
mod overload;
mod packs;
mod provider;
mod proxy;
mod server;
mod uploads;
