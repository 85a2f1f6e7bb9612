//! Uses the document as its users do: other tools lint it, common generators make clients of it, a fuzzer tries it; and
//! the commands and programs on the page of clients run as they stand there.

mod callbacks;
mod documents;
mod fuzzing;
mod generators;
mod page;
#[path = "../process/server.rs"]
#[expect(dead_code, reason = "tests of the process ask for more")]
mod server;
mod signatures;
mod workshop;
