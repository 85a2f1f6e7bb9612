//! `bioserver capture`: makes the capture of a session's liveness check from frames on disk, and sends it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use evaluate::input::film;
use face::Asked;
use face::values::challenges::challenges;
use face::values::lights;
use face::values::liveness::{FRAMES_MAX, Frame};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use uuid::Uuid;

use crate::capture::{self, Capture, SIDE_MAX};
use crate::cli::output::print;
use crate::domain::liveness::SdkInfo;

/// The pause between two requests for the state of the check.
const POLL: Duration = Duration::from_millis(300);
/// The most such requests: more than any check needs that does not fail.
const POLLS_MAX: usize = 400;
/// The bytes that are given to the connection at once; small pieces show the progress.
const CHUNK: usize = 64 << 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder of JPEG or PNG frames, in the order of their names, or an MJPEG file
    frames: PathBuf,
    /// The id of the session, whose liveness check must have begun
    #[arg(long, value_name = "ID")]
    session: Uuid,
    /// A key with the permission liveness, or a capture token
    #[arg(long, value_name = "KEY", env = "CAPTURE_KEY", hide_env_values = true)]
    key: String,
    /// The URL of the server, with its base path
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/bioserver-app")]
    server: String,
    /// The frame rate, in frames per second
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// The version of the provider's consent text that the person agreed to
    #[arg(long, value_name = "VERSION")]
    consent_version: Option<String>,
    /// A file with the attestation of the client, as docs/capture.md describes it
    #[arg(long, value_name = "FILE")]
    attestation: Option<PathBuf>,
    /// Shows the task of the check and sends nothing
    #[arg(long)]
    show: bool,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let session =
        |version: &str| format!("{}/{version}/bio-sessions/{}", args.server.trim_end_matches('/'), args.session);
    let with_key = |request: RequestBuilder| request.bearer_auth(&args.key);
    let parameters = good(with_key(http.get(session("v2") + "/liveness-parameters")).send().await?).await?;
    let attestation = args.attestation.as_deref().map(attestation).transpose()?;
    let check = Check { consent_version: args.consent_version, attestation, ..Check::read(&parameters.json().await?)? };
    print(check.shown() + "\n")?;
    if args.show {
        return Ok(());
    }
    if !check.asked.lights.is_empty() {
        bail!("this check needs light: only a film of a face in front of a screen that shows its colours can pass");
    }
    let frames = frames(&args.frames, args.fps)?;
    let sealed = check.sealed(frames)?;
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left")?;
    let bar = ProgressBar::new(sealed.len() as u64).with_style(style);
    let sent = with_key(http.post(session("v2") + "/replay-liveness"))
        .header("content-type", "application/jose")
        .header("content-length", sealed.len())
        .body(chunked(sealed, bar.clone()))
        .send()
        .await?;
    bar.finish_and_clear();
    good(sent).await?;
    for _ in 0..POLLS_MAX {
        let answer = good(with_key(http.get(session("v3") + "/replay-liveness-metadata")).send().await?).await?;
        let status: Value = answer.json().await?;
        if status["status"] != "IN_PROGRESS" {
            return print(serde_json::to_string_pretty(&status)? + "\n");
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the check did not end in time: read its state later")
}

async fn good(answer: Response) -> anyhow::Result<Response> {
    let status = answer.status();
    if !status.is_success() {
        bail!("{status}: {}", answer.text().await?);
    }
    Ok(answer)
}

fn chunked(text: String, bar: ProgressBar) -> reqwest::Body {
    let bytes = Bytes::from(text);
    let places = (0..bytes.len()).step_by(CHUNK);
    let chunks: Vec<Bytes> = places.map(|place| bytes.slice(place..(place + CHUNK).min(bytes.len()))).collect();
    let sent = stream::iter(chunks).map(move |chunk| {
        bar.inc(chunk.len() as u64);
        Ok::<_, std::io::Error>(chunk)
    });
    reqwest::Body::wrap_stream(sent)
}

/// A liveness check, as the server described it.
pub struct Check {
    id: String,
    server_random: [u8; 32],
    /// The lights are those of [`lights::schedule`].
    pub asked: Asked,
    /// The certificate in DER.
    certificate: Vec<u8>,
    /// The version of the provider's text that the person agreed to; [`Check::read`] leaves it out.
    consent_version: Option<String>,
    /// The attestation of the client; [`Check::read`] leaves it out.
    attestation: Option<String>,
}

impl Check {
    /// Reads the answer to `init-liveness-parameters`.
    pub fn read(parameters: &Value) -> anyhow::Result<Self> {
        let text =
            |name: &str| parameters[name].as_str().with_context(|| format!("the server's answer has no '{name}'"));
        let random = STANDARD.decode(text("serverRandom")?)?;
        let server_random: [u8; 32] =
            random.try_into().ok().context("'serverRandom' in the server's answer is not 32 bytes")?;
        let seed = parameters["seed"]
            .as_i64()
            .and_then(|seed| seed.try_into().ok())
            .context("the server's answer has no 'seed'")?;
        let count = parameters["nbChallenge"].as_u64().unwrap_or(0) as usize;
        let certificate = parameters["certificates"][0].as_str().context("the server's answer has no certificate")?;
        let is_lit = parameters["lightChallenge"].as_bool().unwrap_or(false);
        Ok(Self {
            id: text("id")?.to_owned(),
            server_random,
            asked: Asked {
                liveness_type: text("type")?.parse().map_err(anyhow::Error::msg)?,
                challenges: challenges(seed, &server_random, count),
                lights: if is_lit { lights::schedule(seed, &server_random) } else { vec![] },
            },
            certificate: STANDARD.decode(certificate)?,
            consent_version: None,
            attestation: None,
        })
    }

    pub fn sealed(&self, frames: Vec<Frame>) -> anyhow::Result<String> {
        let capture = Capture {
            consent_version: self.consent_version.clone(),
            id: self.id.clone(),
            server_random: self.server_random,
            liveness_type: self.asked.liveness_type,
            sdk: Some(SdkInfo { sdk_version: Some(env!("CARGO_PKG_VERSION").to_owned()) }),
            device: None,
            attestation: self.attestation.clone(),
            frames,
            lights: self.asked.lights.iter().map(|shown| shown.from_ms).collect(),
            video: None,
        };
        Ok(capture::seal(&self.certificate, &capture)?)
    }

    /// Describes the check in words.
    pub fn shown(&self) -> String {
        if !self.asked.lights.is_empty() {
            let words: Vec<&str> = self.asked.lights.iter().map(|shown| shown.light.name()).collect();
            return format!("{}: look at a screen that shows {}", self.asked.liveness_type, words.join(", then "));
        }
        let words: Vec<&str> = self.asked.challenges.iter().map(|challenge| challenge.name()).collect();
        match words.as_slice() {
            [] => format!("{}: look at the camera", self.asked.liveness_type),
            words => format!("{}: look at the camera, then {}", self.asked.liveness_type, words.join(", then ")),
        }
    }
}

fn attestation(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text.trim().to_owned())
}

fn frames(path: &Path, fps: u32) -> anyhow::Result<Vec<Frame>> {
    let pictures = film::pictures(path, SIDE_MAX)?;
    if !(1..=FRAMES_MAX).contains(&pictures.len()) {
        bail!("{} has {} frames; a capture must have 1 to {FRAMES_MAX}", path.display(), pictures.len());
    }
    Ok(film::timed(pictures, fps))
}
