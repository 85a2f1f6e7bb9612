//! Runs the commands of `docs/operate.md`; they print what the page shows.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::project;

use crate::pages::run;
use crate::server::free_address;

#[test]
fn a_server_is_operated_as_its_page_shows_it() {
    let page = fs::read_to_string(project::path("docs/operate.md")).expect("it is there");
    let folder = tempfile::tempdir().expect("there is room");
    symlink(project::path("deploy"), folder.path().join("deploy")).expect("it can be linked");
    let (root, data) = (folder.path().join("root"), folder.path().join("data"));
    let [listen, metrics] = [(); 2].map(|()| free_address().to_string());
    let variables = [
        ("ROOT", root.to_str().expect("it is text")),
        ("BIOSERVER_DATA", data.to_str().expect("it is text")),
        ("BIOSERVER_LISTEN", &listen),
        ("BIOSERVER_METRICS_LISTEN", &metrics),
    ];
    run(&page, folder.path(), &variables);
    let installed =
        ["usr/local/bin/bioserver", "etc/systemd/system/bioserver.service", "etc/bioserver/secrets/master_key"];
    assert!(installed.iter().all(|path| root.join(path).exists()));
    // The page describes every alert.
    let alerts = fs::read_to_string(project::path("deploy/prometheus/alerts.yml")).expect("it is there");
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("| `{alert}` |")), "{alert}");
    }
}
