//! Generates clients with common generators, compiles them, and runs them through the operations.

use std::fmt;
use std::sync::Mutex;

use testkit::project;

use crate::page;
use crate::server::Server;
use crate::workshop::Workshop;

/// The commands that turn the programs of one language into output.
struct Language {
    /// The name of the language on the page.
    name: &'static str,
    ending: &'static str,
    /// Checks types and compiles.
    compile: &'static str,
    /// Runs `$PROGRAM`.
    run: &'static str,
    /// The names of the program on the page, and of the one beside it.
    programs: [&'static str; 2],
}

const PYTHON: Language = Language {
    name: "python",
    ending: "py",
    compile: "python -m compileall -q bioserver* && mypy --follow-imports=silent session.py operations.py",
    run: "python $PROGRAM.py",
    programs: ["session", "operations"],
};
const TYPESCRIPT: Language = Language {
    name: "ts",
    ending: "ts",
    compile: "tsc --project .",
    run: "esbuild $PROGRAM.ts --bundle --platform=node --format=esm --outfile=$PROGRAM.mjs --log-level=warning
        node $PROGRAM.mjs",
    programs: ["session", "operations"],
};
const JAVA: Language = Language {
    name: "java",
    ending: "java",
    compile: "javac -nowarn -proc:none -d classes *.java $(find java/src/main -name '*.java')",
    run: "java $PROGRAM",
    programs: ["Session", "Operations"],
};

struct Generator {
    /// The heading of its part of the page.
    heading: &'static str,
    language: &'static Language,
    /// The program in `tests/clients/programs` with the operations that the page's program does not call.
    operations: &'static str,
}

const GENERATORS: [Generator; 6] = [
    Generator { heading: "openapi-generator: Python", language: &PYTHON, operations: "python.py" },
    Generator { heading: "openapi-generator: Java", language: &JAVA, operations: "Operations.java" },
    Generator { heading: "openapi-generator: TypeScript", language: &TYPESCRIPT, operations: "fetch.ts" },
    Generator { heading: "openapi-python-client", language: &PYTHON, operations: "python_client.py" },
    Generator {
        heading: "openapi-typescript and openapi-fetch",
        language: &TYPESCRIPT,
        operations: "openapi_fetch.ts",
    },
    Generator { heading: "@hey-api/openapi-ts", language: &TYPESCRIPT, operations: "hey.ts" },
];

/// The steps for each generator, in this order.
const STEPS: [&str; 14] = [
    "generate",
    "compile",
    "session and faces",
    "matches",
    "image",
    "delete, refusal",
    "face from JSON",
    "match/images",
    "ages",
    "liveness",
    "capture",
    "legacy",
    "health",
    "certificate",
];

/// One line of the table.
struct Row {
    generator: &'static str,
    /// The steps that succeeded.
    done: Vec<String>,
    trouble: Option<String>,
}

impl Generator {
    fn try_out(&self, server: &Server) -> Row {
        let mut row = Row { generator: self.heading, done: vec![], trouble: None };
        row.trouble = self.steps(server, &mut row.done).err();
        row
    }

    fn steps(&self, server: &Server, done: &mut Vec<String>) -> Result<(), String> {
        let (part, workshop, language) = (page::section(self.heading), Workshop::new(server), self.language);
        let mut well = |step: &str| done.push(step.to_owned());
        workshop.run(page::introduction().block("sh"))?;
        workshop.run(part.block("sh"))?;
        well("generate");
        let [session, operations] = language.programs.map(|name| format!("{name}.{}", language.ending));
        workshop.write(&session, part.block(language.name));
        workshop.take(self.operations, &operations);
        workshop.take("tsconfig.json", "tsconfig.json");
        workshop.run(language.compile)?;
        well("compile");
        let [session, operations] = language.programs.map(|name| format!("PROGRAM={name}\n{}", language.run));
        let printed = workshop.run(&session)?;
        check_session(&printed).ok_or_else(|| format!("the program of the page printed:\n{printed}"))?;
        STEPS[2..6].iter().for_each(|step| well(step));
        workshop.run(&operations)?.lines().for_each(well);
        Ok(())
    }
}

/// The program of the page prints a score, the size of an image, and the refusal of an ended session.
fn check_session(printed: &str) -> Option<()> {
    let [score, image, refusal] = printed.lines().collect::<Vec<_>>().try_into().ok()?;
    let score: f64 = score.strip_prefix("score ")?.parse().ok()?;
    let image: usize = image.strip_prefix("image ")?.parse().ok()?;
    let good = score > 3500.0 && image == project::sample("obama.jpg").len() && refusal == "404 SESSION_NOT_FOUND";
    good.then_some(())
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {:36} |", self.generator)?;
        STEPS.iter().try_for_each(|step| {
            let mark = if self.done.iter().any(|done| done == step) { "ok" } else { "-" };
            write!(f, " {mark:width$} |", width = step.len())
        })
    }
}

#[test]
fn each_generator_makes_a_client_that_works() {
    let server = Server::start();
    let (waiting, rows) = (Mutex::new(GENERATORS.iter()), Mutex::new(vec![]));
    let next = || waiting.lock().expect("nobody panicked").next();
    let work = || {
        while let Some(generator) = next() {
            let row = generator.try_out(&server);
            rows.lock().expect("nobody panicked").push(row);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let rows = rows.into_inner().expect("nobody panicked");
    println!("| {:36} | {} |", "", STEPS.join(" | "));
    for row in &rows {
        println!("{row}");
    }
    let troubles = rows.iter().filter_map(|row| row.trouble.as_ref().map(|why| format!("{}: {why}", row.generator)));
    let troubles = troubles.collect::<Vec<_>>();
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    assert_eq!(rows.len(), GENERATORS.len());
    assert!(rows.iter().all(|row| row.done == STEPS), "a program does not do all of it");
}
