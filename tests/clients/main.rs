//! The document as its users take it: checked by others' tools, made clients of by common generators, tried by a fuzzer; and the
//! page of clients, whose commands and programs are run as they stand there.

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
