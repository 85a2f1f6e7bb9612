//! Compares the document and the server through a fuzzer's requests: those that the document allows and those that it
//! does not, alone and along its links.

use std::io::Cursor;

use image::ImageFormat;
use testkit::project;

use crate::server::Server;
use crate::workshop::Workshop;

/// The longer side of a photograph, in pixels: small enough for a thousand of them to be processed in a minute.
const SIDE: u32 = 200;

fn photograph() -> Vec<u8> {
    let whole = image::load_from_memory(&project::sample("obama.jpg")).expect("it is an image");
    let mut small = Cursor::new(vec![]);
    whole.thumbnail(SIDE, SIDE).write_to(&mut small, ImageFormat::Jpeg).expect("there is room");
    small.into_inner()
}

#[test]
fn the_server_does_what_the_document_says() {
    let server = Server::start();
    let mut workshop = Workshop::new(&server);
    workshop.write("small.jpg", photograph());
    workshop.take("fuzzing.py", "fuzzing.py");
    workshop.take("schemathesis.toml", "schemathesis.toml");
    workshop.set("PHOTOGRAPH", "small.jpg".to_owned());
    workshop.set("PYTHONPATH", ".".to_owned());
    let run =
        "schemathesis run $BIOSERVER_URL/openapi.json --checks all --header \"apikey: $BIOSERVER_KEY\" --no-color";
    let printed = workshop.run(run).unwrap_or_else(|found| panic!("{found}"));
    let summary = printed.find("= SUMMARY =").map_or(&*printed, |at| &printed[at..]);
    println!("{summary}");
}
