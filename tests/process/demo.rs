//! What a newcomer sees first.

use crate::server::folder;
use crate::server::program;

#[test]
fn the_demo_tells_the_same_person_from_another_and_verifies_what_was_signed() {
    let data = folder();
    let shown = program(&data).args(["demo", "--once", "--listen", "127.0.0.1:0"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success(), "{text}\n{}", String::from_utf8_lossy(&shown.stderr));

    let score = |reference: &str, candidate: &str| -> f64 {
        let row =
            text.lines().find(|line| line.contains(reference) && line.contains(candidate)).expect("it is compared");
        assert!(row.contains("verified"), "{row}");
        let words: Vec<&str> = row.split_whitespace().collect();
        words[2].parse().expect("the third column is the score")
    };
    assert!(score("obama.jpg", "obama2.jpg") > 3500.0, "{text}");
    assert!(score("obama.jpg", "obama3.jpg") > 3500.0, "{text}");
    assert!(score("obama.jpg", "biden.jpg") < 2500.0, "{text}");
    assert!(!data.exists(), "it leaves nothing behind");
}
