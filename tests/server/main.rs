//! The server through its library: the contract through HTTP, with scripted faces and once for each operation with real
//! networks; the store on both databases; images at rest; captures made by other people's programs; the document.

mod ages;
mod app;
mod at_rest;
mod audit;
mod both;
mod callbacks;
mod capture;
mod captures;
mod conformance;
mod credentials;
mod deps;
mod document;
mod ending;
mod faces;
mod forging;
mod fuzz;
mod image_types;
mod limits;
mod liveness;
mod matches;
mod media;
mod networks;
mod operations;
mod outbound;
mod ownership;
mod readiness;
mod refusals;
mod session_faces;
mod session_matches;
mod sessions;
mod shape;
mod store;
mod system;
mod verified;
mod wire;
