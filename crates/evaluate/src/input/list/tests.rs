use face::values::picture::ImageType;

use super::*;

fn written(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    fs::write(folder.path().join("toy.csv"), text).expect("there is room");
    folder
}

type Reading = fn(&Path) -> Result<Collection, Error>;

fn read(reading: Reading, text: &str) -> Result<Collection, Error> {
    reading(&written(text).path().join("toy.csv"))
}

/// Returns the part of the error message after the list's own name.
fn refused(reading: Reading, text: &str) -> String {
    let message = read(reading, text).expect_err(text).to_string();
    message.split_once("toy.csv").expect("it names the file").1.to_owned()
}

#[test]
fn a_list_names_people_types_and_groups() {
    let text = "sex,path,person,type,age_band\nf,b/2.jpg,Eve,SELFIE,18-30\n,a.jpg,Bob,,\nf,\"b/1, old.jpg\",Eve,ID_DOCUMENT,31-60\n";
    let folder = written(text);
    let found = pictures(&folder.path().join("toy.csv")).expect("it is a list");
    assert_eq!(found.columns, ["sex", "age_band"]);
    assert_eq!((found.people(), found.data.as_str()), (Some(2), "the pictures of the list 'toy'"));
    let [bob, old, new] = &found.pictures[..] else { panic!("{found:?}") };
    assert_eq!(
        (bob.person.as_str(), bob.image_type, &bob.groups[..]),
        ("Bob", None, &[String::new(), String::new()][..])
    );
    assert_eq!((old.person.as_str(), old.image_type), ("Eve", Some(ImageType::IdDocument)));
    assert_eq!(old.path, folder.path().join("b/1, old.jpg"));
    assert_eq!((new.image_type, new.groups[1].as_str()), (Some(ImageType::Selfie), "18-30"));
}

#[test]
fn wrong_lists_are_refused_with_the_line() {
    let refused = |text: &str| refused(pictures, text);
    assert_eq!(refused("person,file\nA,a.jpg\n"), ", line 1: there is no column 'path'");
    assert_eq!(refused("path,who\na.jpg,A\n"), ", line 1: there is no column 'person'");
    assert_eq!(refused("path,person\n"), ", line 1: there are no lines below the names of the columns");
    assert_eq!(refused(""), ", line 1: there are no lines below the names of the columns");
    assert_eq!(refused("path,person\na.jpg,A\nb.jpg\n"), ", line 3: it has 1 fields, and the first line 2");
    assert_eq!(refused("path,person\na.jpg,A\nb.jpg, \n"), ", line 3: its 'person' is empty");
    assert_eq!(refused("path,person\na.jpg,A\na.jpg,B\n"), ", line 3: 'a.jpg' is listed twice");
    let passport = refused("path,person,type\na.jpg,A,SELFIE\nb.jpg,A,PASSPORT\n");
    assert!(passport.starts_with(", line 3: 'PASSPORT'") && passport.contains("ID_DOCUMENT, SELFIE"), "{passport}");
}

#[test]
fn a_column_with_too_many_values_is_refused() {
    let mut text = String::from("path,person,number\n");
    for number in 0..=GROUPS_MAX {
        text += &["a", &number.to_string(), ".jpg,A,", &number.to_string(), "\n"].concat();
    }
    assert_eq!(
        refused(pictures, &text),
        ", line 1: the column 'number' has 101 values; at most 100 groups are allowed"
    );
}

#[test]
fn pairs_are_listed_with_what_they_are() {
    let text = "reference,candidate,same,light\nb.jpg,a.jpg,YES,dim\na.jpg,c.jpg,0,\nc.jpg,b.jpg,false,dim\n";
    let found = read(pairs, text).expect("it is a list");
    let names: Vec<&str> = found.pictures.iter().map(|picture| picture.name.as_str()).collect();
    assert_eq!((names.as_slice(), found.people()), (&["a.jpg", "b.jpg", "c.jpg"][..], None));
    let trials: Vec<_> = found
        .listed()
        .expect("they are all there is")
        .iter()
        .map(|t| (t.pictures, t.same, t.groups[0].as_str()))
        .collect();
    assert_eq!(trials, [([1, 0], true, "dim"), ([0, 2], false, ""), ([2, 1], false, "dim")]);
    assert!(found.caveats[0].contains("unknown"), "{:?}", found.caveats);
}

#[test]
fn wrong_pairs_are_refused_with_the_line() {
    let refused = |text: &str| refused(pairs, text);
    assert_eq!(refused("reference,candidate\na,b\n"), ", line 1: there is no column 'same'");
    let head = "reference,candidate,same\n";
    let maybe = refused(&[head, "a,b,1\na,c,maybe\n"].concat());
    assert_eq!(maybe, ", line 3: 'maybe' is not one of 1, true, yes, 0, false, no");
    assert_eq!(refused(&[head, "a,b,1\n\"\",b,1\n"].concat()), ", line 3: its 'reference' is empty");
    assert_eq!(refused(&[head, "a,a,1\n"].concat()), ", line 2: a picture is compared with itself");
}
