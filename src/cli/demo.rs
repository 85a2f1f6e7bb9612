//! `bioserver demo`: runs the main use case on four photographs, through real HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use face::networks::{self, Compiled, Networks};
use face::pack::Pack;
use face::samples;
use reqwest::header::LOCATION;
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::app::{self, App};
use crate::cli::output::{print, table};
use crate::cli::{log, serve, verify};
use crate::config::source::{self, Source};
use crate::config::{Config, table};
use crate::domain::Permission;
use crate::service::keys::{self, NewKey};

mod liveness;

/// The least score of one person that the contract advises for pictures of unlike kinds: one false acceptance in
/// 10,000.
const SCORE_MIN: f64 = 3500.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Exits after the tables are printed
    #[arg(long)]
    once: bool,
    /// Also runs liveness checks on simulated films, with callbacks
    #[arg(long)]
    liveness: bool,
    /// With --liveness: saves the films to this folder, in the form that `bioserver capture` reads
    #[arg(long, value_name = "DIR", requires = "liveness")]
    keep: Option<PathBuf>,
}

/// Keys and data lie in a temporary folder, which is removed when this function returns.
pub async fn run(config: Option<&Path>, args: Args) -> anyhow::Result<()> {
    let data = tempfile::tempdir().context("a temporary folder cannot be created")?;
    let usual = Config::load(config, source::environment())?;
    let config = Config::load(config, environment(data.path(), &usual))?;
    log::start(&config.log);
    let prefix = config.prefix.clone();
    say("Loading the networks ...")?;
    let pack = Pack::open(config.pack.as_deref())?;
    let networks = if args.liveness { Some(of_films(&pack)?) } else { None };
    let app = App::build(config).await?;
    say(&format!("Pack: {}", app.deps.face_engine.pack()))?;
    let new = NewKey { provider: "demo".to_owned(), permissions: Permission::ALL.to_vec(), expires: None };
    let key = keys::create(&app.deps.store, &app.deps.master, &app.deps.clock, new).await?.text;
    let listener = app::listen(args.listen).await?;
    let host = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(app.serve(listener, async move {
        // A closed channel also means that the server stops.
        let _ = stopped.await;
    }));

    let client = Client::connect(&host, &prefix, key.expose_secret()).await?;
    show(&client).await?;
    if let Some(networks) = networks {
        liveness::show(&client, networks, args.keep.as_deref()).await?;
    }
    if !args.once {
        say(&invitation(&client, &host))?;
        serve::stopped().await;
    }
    drop(stop);
    server.await?
}

/// Loads the networks that find the face to be filmed.
fn of_films(pack: &Pack) -> anyhow::Result<Networks> {
    Ok(Networks::new(&Compiled::new(pack, networks::Settings::default())?))
}

/// Returns the environment of this process with the data of the demonstration. The pack is the one that the server
/// would use, and the log shows warnings only, unless the configuration sets a filter.
fn environment(data: &Path, usual: &Config) -> Vec<(String, String)> {
    let mut environment = source::environment();
    environment.retain(|(name, _)| name != "DATABASE_URL" && !name.starts_with("BIOSERVER_S3_"));
    environment.push(("BIOSERVER_DATA".to_owned(), data.display().to_string()));
    let pack = usual.pack.as_ref().map_or_else(|| packs::BUILT_IN.to_owned(), |folder| folder.display().to_string());
    environment.push(("BIOSERVER_PACK".to_owned(), pack));
    if usual.settings.iter().any(|setting| setting.name == table::LOG_FILTER.name && setting.source == Source::Default)
    {
        environment.push(("BIOSERVER_LOG_FILTER".to_owned(), "warn".to_owned()));
    }
    // The demonstration has its own receiver of callbacks.
    environment.push(("BIOSERVER_CALLBACK_ALLOW".to_owned(), "http://127.0.0.1".to_owned()));
    environment.push(("BIOSERVER_MEDIA".to_owned(), data.join("media").display().to_string()));
    environment.push(("DATABASE_URL".to_owned(), format!("sqlite:{}", data.join("demo.db").display())));
    environment
}

fn say(text: &str) -> anyhow::Result<()> {
    print(format!("{text}\n"))
}

/// A minimal back end of a provider.
struct Client {
    http: reqwest::Client,
    /// The base URL of the contract's paths.
    base: String,
    key: String,
    jwks: Value,
}

impl Client {
    async fn connect(host: &str, prefix: &str, key: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::new();
        let jwks = http.get(format!("{host}/.well-known/jwks.json")).send().await?.json().await?;
        Ok(Self { http, base: format!("{host}{prefix}"), key: key.to_owned(), jwks })
    }

    /// Sends a request; any status but success is an error.
    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request.header("apikey", &self.key).send().await?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{status}: {}", answer.text().await?);
        }
        Ok(answer)
    }

    /// Sends a request and returns the path of the resource that it created.
    async fn made(&self, request: RequestBuilder) -> anyhow::Result<String> {
        let answer = self.send(request).await?;
        let location = answer.headers().get(LOCATION).context("what was made has a place")?;
        Ok(location.to_str()?.to_owned())
    }

    async fn open(&self) -> anyhow::Result<String> {
        self.made(self.http.post(format!("{}/v2/bio-sessions", self.base))).await
    }

    /// Opens a session whose callbacks go to this URL.
    async fn open_for(&self, callback_url: &str) -> anyhow::Result<String> {
        let body = serde_json::json!({ "callbackURL": callback_url });
        self.made(self.http.post(format!("{}/v2/bio-sessions", self.base)).json(&body)).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        Ok(self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await?.text().await?)
    }

    async fn capture(&self, session: &str, sealed: String) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}{session}/replay-liveness", self.base));
        self.send(request.header("content-type", "application/jose").body(sealed)).await.map(drop)
    }

    async fn add(&self, session: &str, image: &'static [u8]) -> anyhow::Result<String> {
        let form = Form::new().text("face", r#"{"imageType":"SELFIE"}"#).part("image", file(image));
        self.made(self.http.post(format!("{}{session}/faces", self.base)).multipart(form)).await
    }

    /// Returns an answer after verifying its signature.
    async fn read(&self, path: &str) -> anyhow::Result<Value> {
        let text = self.send(self.http.get(format!("{}{path}", self.base))).await?.text().await?;
        self.verified(&text)
    }

    /// Returns the answers of a list after verifying the signature of each.
    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let text = self.send(self.http.get(format!("{}{path}", self.base))).await?.text().await?;
        let answers: Vec<Value> = serde_json::from_str(&text)?;
        answers.iter().map(|answer| self.verified(&answer.to_string())).collect()
    }

    fn verified(&self, answer: &str) -> anyhow::Result<Value> {
        match verify::check(answer, &self.jwks) {
            (verify::Verdict::Same, _) => Ok(serde_json::from_str(answer)?),
            (verdict, _) => bail!("the answer's signature is not verified: {verdict:?}"),
        }
    }

    async fn end(&self, session: &str) -> anyhow::Result<()> {
        self.send(self.http.delete(format!("{}{session}", self.base))).await.map(drop)
    }
}

fn file(image: &'static [u8]) -> Part {
    Part::bytes(image).file_name("image.jpg")
}

/// Shows one session: a table of its faces, and a table of the matches of the first face with the others.
async fn show(client: &Client) -> anyhow::Result<()> {
    let session = client.open().await?;
    let (mut faces, mut shown) = (Vec::new(), Vec::new());
    for (name, image) in samples::ONE.into_iter().chain([samples::OTHER]) {
        let path = client.add(&session, image).await?;
        let face = client.read(&path).await?;
        let eyes = &face["landmarks"]["eyes"];
        let at = |member: &str| eyes[member].as_f64().context("a face has eyes");
        let apart = (at("x1")? - at("x2")?).hypot(at("y1")? - at("y2")?);
        let quality = face["quality"].as_i64().context("a face made from an image has a quality")?;
        shown.push([name.to_owned(), quality.to_string(), format!("{apart:.0}"), "verified".to_owned()]);
        faces.push((name, path));
    }
    say("")?;
    print(table(["PHOTOGRAPH", "QUALITY>", "EYES APART (PX)>", "SIGNATURE"], shown))?;
    let (reference, path) = &faces[0];
    let mut shown = Vec::new();
    for found in client.list(&format!("{path}/matches")).await? {
        let id = found["candidate"]["id"].as_str().context("a candidate has an id")?;
        let candidate = faces.iter().find(|(_, path)| path.ends_with(id)).context("it is a face of the session")?.0;
        let score = found["score"].as_f64().context("a match has a score")?;
        let far = found["falseAcceptanceRate"].as_f64().context("a match has a rate")?;
        let far = if far < 0.01 { format!("{far:.1e}") } else { format!("{far:.2}") };
        let one = if score >= SCORE_MIN { "yes" } else { "no" };
        let words = [*reference, candidate, &format!("{score:.0}"), &far, one, "verified"];
        shown.push(words.map(str::to_owned));
    }
    client.end(&session).await?;
    say("")?;
    print(table(["REFERENCE", "CANDIDATE", "SCORE>", "FAR (%)>", "ONE PERSON?", "SIGNATURE"], shown))?;
    say(&format!(
        "\nFAR is the rate at which two different people score as high. ONE PERSON is yes from a score of {SCORE_MIN} on: one false acceptance in 10,000."
    ))
}

fn invitation(client: &Client, host: &str) -> String {
    let Client { base, key, .. } = client;
    format!(
        "\nThe server runs until Ctrl-C. Its data are temporary.\n\
         Interactive documentation in the browser: {host}/docs (the key is {key})\n\
         Or in this terminal:\n\n\
         curl {base}/v2/match/images -H 'apikey: {key}' \\\n  \
         -F referenceImage=@tests/samples/obama.jpg -F referenceImageType=SELFIE \\\n  \
         -F candidateImage=@tests/samples/obama2.jpg -F candidateImageType=SELFIE"
    )
}
