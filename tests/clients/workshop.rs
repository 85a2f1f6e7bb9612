//! A folder in which commands and programs run as a reader of the page would run them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testkit::{node, project, python};

use crate::server::Server;

/// The photographs that the programs name.
const PHOTOGRAPHS: [&str; 2] = ["obama.jpg", "obama2.jpg"];
/// Java code is compiled with these and with the generator, whose file contains Jackson.
const JAVA: [&str; 2] = ["/usr/share/java/httpmime.jar", "/usr/share/java/geronimo-annotation-1.3-spec.jar"];

/// The folder is deleted with the test.
pub struct Workshop {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Workshop {
    /// Prepares the photographs and the tools; programs call `server`.
    pub fn new(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        for name in PHOTOGRAPHS {
            std::fs::write(folder.path().join(name), project::sample(name)).expect("it can be written");
        }
        let (python, modules) = (python::interpreter(), node::client_modules());
        symlink(&modules, folder.path().join("node_modules")).expect("it can be linked");
        let programs = [python.parent().expect("it lies in a folder"), &modules.join(".bin")].map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(programs.into_iter().chain(std::env::split_paths(&path))).expect("no colons");
        let generator = "import openapi_generator_cli as it, os; print(os.path.dirname(it.__file__), end='')";
        let generator = Command::new(&python).args(["-c", generator]).output().expect("it starts").stdout;
        let generator = format!("{}/openapi-generator.jar", String::from_utf8_lossy(&generator));
        let variables = vec![
            ("PATH", path.into_string().expect("it is text")),
            ("CLASSPATH", ["classes", &generator].into_iter().chain(JAVA).collect::<Vec<_>>().join(":")),
            ("BIOSERVER_URL", server.url.clone()),
            ("BIOSERVER_KEY", server.key.clone()),
            // Redocly would send statistics.
            ("REDOCLY_TELEMETRY", "off".to_owned()),
            ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true".to_owned()),
        ];
        Self { folder, variables }
    }

    /// Sets a variable of the programs that run here.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), content).expect("it can be written");
    }

    /// Copies a file of `tests/clients/programs`.
    pub fn take(&self, program: &str, name: &str) {
        let from = project::path("tests/clients/programs").join(program);
        std::fs::copy(&from, self.folder.path().join(name))
            .unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// Runs a shell script, and returns its output.
    ///
    /// # Errors
    /// Returns the output if a command of the script fails.
    pub fn run(&self, script: &str) -> Result<String, String> {
        let ran = self.shell(script).output().expect("there is a shell");
        let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
        if ran.status.success() {
            return Ok(printed);
        }
        Err(format!("{script}\n{}\n{printed}{}", ran.status, String::from_utf8_lossy(&ran.stderr)))
    }

    /// Starts a script that runs until it is killed. Its output can be read.
    pub fn start(&self, script: &str) -> Child {
        self.shell(script).stdout(Stdio::piped()).spawn().expect("there is a shell")
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("bash");
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        shell.args(["-euo", "pipefail", "-c", script]).current_dir(self.folder.path()).envs(variables);
        shell
    }
}
