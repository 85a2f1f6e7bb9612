//! Runs the demo, the first thing that a newcomer sees.

use evaluate::input::film;

use crate::server::program;

#[test]
fn the_demo_tells_the_same_person_from_another_and_verifies_what_was_signed() {
    let (data, films) = (tempfile::tempdir().expect("there is room"), tempfile::tempdir().expect("there is room"));
    let shown = program(data.path())
        .args(["demo", "--once", "--liveness", "--listen", "127.0.0.1:0", "--keep"])
        .arg(films.path())
        .output()
        .expect("it runs");
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

    // First a person does what the check asks for, then a print of that person is shown; each ends with a callback.
    let told = |what: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix(what));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(told("callback"), ["received, answered with 204"; 2]);
    let verdicts = told("verdict");
    assert_eq!(verdicts[0], "SUCCESS, signature verified", "{text}");
    assert!(verdicts[1] == "FAILED, signature verified" || verdicts[1] == "SPOOF, signature verified", "{text}");
    assert!(String::from_utf8_lossy(&shown.stderr).is_empty(), "the log is quiet");
    let frames = |name: &str| film::pictures(&films.path().join(name), u32::MAX).expect("it is kept").len().to_string();
    let captured = told("captured");
    for (name, captured) in ["person", "print"].iter().zip(&captured) {
        assert_eq!(captured.split(' ').next(), Some(frames(name).as_str()), "{text}");
    }
    assert!(data.path().read_dir().expect("it is there").next().is_none(), "it leaves nothing behind");
}
