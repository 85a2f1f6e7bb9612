//! Installs the published packs from the very files that their homes serve.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::template::Template;
use face::{Picture, WantedFace, samples};
use packs::published;
use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{bioserver, refused, succeeded};
use crate::packs::home::Home;
use crate::packs::upstream;

/// Lists all files of a folder and its subfolders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it is there").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the sources of a pack, each with its name.
fn sources(upstream: &Path, pack: &str) -> Vec<(String, Vec<u8>)> {
    let there = files(upstream);
    let source = |name: &str| {
        let file = there.iter().find(|path| path.file_name().is_some_and(|file| file == name)).expect(name);
        (name.to_owned(), std::fs::read(file).expect("it is there"))
    };
    let published = published::find(pack).expect("it is published");
    published.description.sources.iter().map(|described| source(&described.name)).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accurate_pack_is_fetched_made_used_and_removed() {
    let Some(upstream) = upstream() else { return };
    let home = Home::serving(sources(&upstream, "accurate"), &[]).await;
    let data = folder();
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| bioserver(data.path(), arguments));

    let licences = refused(&run(&["packs", "install", "accurate", "--from", &home.url()]));
    assert!(licences.contains("Apache-2.0") && licences.contains("--accept"), "{licences}");
    assert!(home.ranges().is_empty(), "nothing is fetched before the licences are accepted");
    let said = succeeded(&run(&["packs", "install", "accurate", "--accept", "--from", &home.url()]));
    assert!(said.contains("MobileFaceNet by foamliu") && said.contains("is installed"), "{said}");
    assert_eq!(home.ranges().len(), 6);

    assert!(refused(&run(&["packs", "install", "accurate", "--accept"])).contains("already"));
    succeeded(&run(&["packs", "use", "accurate"]));
    assert!(succeeded(&run(&["check"])).contains("accurate"));
    let listed: Value = serde_json::from_str(&succeeded(&run(&["packs", "list", "--json"]))).expect("it is JSON");
    let names: Vec<(&Value, &Value, &Value)> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|pack| (&pack["name"], &pack["state"], &pack["serves"]))
        .collect();
    assert_eq!(names[0], (&"standard".into(), &"built-in".into(), &false.into()));
    assert_eq!(names[1], (&"accurate".into(), &"installed".into(), &true.into()));
    assert_eq!(listed[1]["networks"].as_array().map(Vec::len), Some(8));
    assert!(refused(&run(&["packs", "remove", "accurate"])).contains("in use"));

    let pack = Pack::read(&data.path().join("packs/accurate")).expect("it is whole");
    tokio::task::block_in_place(|| it_tells_people_apart(&pack));
    succeeded(&run(&["packs", "use", "standard"]));
    succeeded(&run(&["packs", "remove", "accurate"]));
    assert_eq!(files(&data.path().join("packs")).len(), 1, "the name of the one in use is all that is left");
}

fn it_tells_people_apart(pack: &Pack) {
    assert_eq!((pack.recognizers.len(), pack.spoofs.len(), pack.dimension()), (2, 2, 384));
    let mut networks = Networks::new(&Compiled::new(pack, Settings::default()).expect("it compiles"));
    let mut template = |(_, bytes): samples::Sample| -> Template {
        let picture = Picture { bytes: Bytes::from_static(bytes), rotation: false, wanted: WantedFace::Only };
        networks.describe(&picture).expect("it shows a face").template
    };
    let [a, b, c] = samples::ONE.map(&mut template);
    let other = template(samples::OTHER);
    // Published for these recognizers: one false acceptance in a million at a cosine of 0.516.
    assert!(a.cosine(&b) > 0.516 && a.cosine(&c) > 0.516 && b.cosine(&c) > 0.516);
    assert!([a, b, c].iter().all(|one| one.cosine(&other) < 0.321));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_wrong_files_is_not_there() {
    let Some(upstream) = upstream() else { return };
    let mut sources = sources(&upstream, "accurate");
    sources[3].1[1000] ^= 1;
    let home = Home::serving(sources, &[]).await;
    let data = folder();
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| bioserver(data.path(), arguments));
    let fault = refused(&run(&["packs", "install", "accurate", "--accept", "--from", &home.url()]));
    assert!(fault.contains("MobileFaceNet.onnx") && fault.contains("checksum"), "{fault}");
    let listed = succeeded(&run(&["packs", "list"]));
    assert!(listed.contains("accurate: `bioserver packs install accurate`"), "{listed}");
    // The other files are not fetched again.
    let before = home.ranges().len();
    refused(&run(&["packs", "install", "accurate", "--accept", "--from", &home.url()]));
    assert_eq!(home.ranges().len(), before + 1);
    assert!(refused(&run(&["packs", "install", "none", "--accept"])).contains("packs are: accurate"));
}

#[test]
fn the_list_says_what_each_network_may_be_used_for() {
    let data = folder();
    let text = succeeded(&bioserver(data.path(), &["packs", "list"]));
    for part in [
        "standard: template version 4, 192 numbers, in use",
        "MobileFaceNet_TF",
        "measured down to",
        "10.6 MB",
        "98.02",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(refused(&bioserver(data.path(), &["models", "use", "accurate"])).contains("packs list"));
}
