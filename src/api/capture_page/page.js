// The steps of the page: explain, open the camera, guide, film, seal, send, wait, conclude.
//
// `data-state` and `data-outcome` on the main element hold the current step.

import * as camera from './camera.js';
import { bytesOf, challenges, lights, seal } from './capture.js';
import { Cues, unlockVoice } from './cues.js';
import { film, list, prompt } from './filming.js';
import { isEmbedded, tell } from './frame.js';
import { Guide } from './guide.js';
import * as look from './look.js';
import { Refusal, Session } from './server.js';
import { put, speak, text } from './texts.js';

const POLL_MS = 1000;
const POLLS_MAX = 120;
const SENDS_MAX = 5;
// The time between two runs of the guide: it takes at most a third of the time, and less while filming.
const GUIDE_MS = 120;
const GUIDE_FILMING_MS = 400;
const GUIDE_SHARE = 3;
// The face may be out of sight for this long while the camera films; the server allows at most one second.
const LOST_MS_MAX = 2000;
// After these outcomes the same check may be repeated, if the provider allows several attempts.
const REPEATABLE = ['FAILED', 'TIMEOUT', 'ERROR'];

const main = document.querySelector('main');
const at = (id) => document.getElementById(id);
const isAudible = () => at('spoken').checked;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let session;
let parameters;
let check;
let cameraName = '';
let guide;

/** Shows one section; screen readers announce its heading. */
function show(state, section) {
  main.dataset.state = state;
  at('loading').hidden = true;
  // The browser is not too old: the network was slow.
  at('old').hidden = true;
  for (const other of main.querySelectorAll('section')) {
    other.hidden = other.id !== section;
  }
  at(section).querySelector('h2').focus();
  at('sound').hidden = !['start', 'ready'].includes(state);
  tell('state', { state });
}

/** Shows the outcome, by its name in the texts; `again` is the action of a button, if there is one. */
function end(name, { again, advice = `${name}_advice`, more = '', values = {} } = {}) {
  camera.close(at('preview'));
  put(at('outcome'), name);
  put(at('advice'), advice);
  put(at('more'), more, values);
  main.dataset.outcome = name;
  at('again').hidden = !again;
  at('again').onclick = again ?? null;
  at('back').hidden = !look.leadsBack() || isEmbedded;
  at('close').hidden = !isEmbedded;
  show('end', 'end');
}

/** Ends with the outcome of the check. */
function conclude({ status, reason, attempt = 1, attemptsMax = 1 }) {
  const left = REPEATABLE.includes(status) ? attemptsMax - attempt : 0;
  const advice = reason ?? `${status}_advice`;
  const isLit = status === 'FAILED' && !reason && check?.colours.length;
  const last = status === 'SUCCESS' || look.leadsBack() ? '' : 'newCheck';
  end(status, {
    again: left > 0 ? repeat : undefined,
    advice: isLit ? 'LIGHT_advice' : advice,
    more: left > 0 ? 'attemptsLeft' : last,
    values: { count: left },
  });
  tell('finished', { status, canRepeat: left > 0 });
}

/** Explains a refusal to the person. */
function refused(error, again) {
  if (!(error instanceof Refusal) || error.status === 0 || error.status >= 500 || error.status === 429) {
    end('connection', { again });
  } else if ([401, 403, 404].includes(error.status)) {
    end('link');
  } else if (error.code === 'CAPTURE_TOO_LATE') {
    wait();
  } else if (error.code === 'CAPTURE_CONSENT_NOT_CURRENT') {
    end('consentChanged', { again: begin });
  } else {
    // The parameters are read again, since they may have changed.
    end('refused', { again: begin });
  }
}

function start() {
  delete main.dataset.outcome;
  const explanations = {
    LIVENESS_ACTIVE: 'explainActive',
    LIVENESS_PASSIVE: 'explainPassive',
    LIVENESS_PASSIVE_VIDEO: 'explainPassiveVideo',
  };
  put(at('explanation'), explanations[parameters.type], { count: check.asked.length });
  at('light').hidden = !check.colours.length;
  at('unhurried-choice').hidden = !check.asked.length;
  show('start', 'start');
}

async function openCamera() {
  if (!look.isAgreed()) {
    return;
  }
  if (isAudible()) {
    unlockVoice();
  }
  at('open').disabled = true;
  put(at('opening'), 'openingCamera');
  try {
    cameraName = await camera.open(at('preview'));
  } catch (error) {
    const names = { NotAllowedError: 'denied', NotFoundError: 'noCamera' };
    end(names[error.name] ?? 'cameraBusy', { again: start });
    return;
  } finally {
    at('open').disabled = false;
    put(at('opening'), '');
  }
  at('record').hidden = false;
  at('recorded').hidden = true;
  list(check.asked, 0);
  delete main.dataset.face;
  at('record').setAttribute('aria-disabled', 'true');
  prompt('ready');
  show('ready', 'camera');
  await lead();
}

/** Guides the face into the oval until the film begins. */
async function lead() {
  const cues = new Cues(isAudible);
  guide ??= new Guide();
  while (main.dataset.state === 'ready') {
    const found = await guide.look(at('preview'));
    if (main.dataset.state !== 'ready') {
      break;
    }
    const name = found ?? 'ready';
    main.dataset.face = name;
    at('record').setAttribute('aria-disabled', String(!mayBegin()));
    prompt(name);
    cues.hint(text(name));
    if (!guide.works) {
      break;
    }
    await pause(Math.max(GUIDE_MS, GUIDE_SHARE * guide.tookMs));
  }
  cues.close();
}

/** True if the film may begin: the face is in place, or there is no guide. */
function mayBegin() {
  return !guide?.works || main.dataset.face === 'faceGood';
}

/** Ends the film when no face, or more than one, is visible for too long. */
async function guard(interruption) {
  let seenAt = performance.now();
  while (!interruption.signal.aborted && main.dataset.state === 'recording' && guide.works) {
    await pause(Math.max(GUIDE_FILMING_MS, GUIDE_SHARE * guide.tookMs));
    const found = await guide.look(at('preview'));
    if (found !== 'faceNone' && found !== 'faceSeveral') {
      seenAt = performance.now();
    } else if (performance.now() - seenAt > LOST_MS_MAX) {
      interruption.abort('faceLost');
    }
  }
}

async function record() {
  if (!mayBegin()) {
    // The prompt says what to do first: it is announced again.
    at('prompt').replaceChildren(text(at('prompt').dataset.text));
    return;
  }
  const interruption = new AbortController();
  const hide = () => interruption.abort('interrupted');
  // Browsers stop timers and cameras of pages in the background.
  document.addEventListener('visibilitychange', hide);
  at('record').hidden = true;
  at('recorded').hidden = false;
  main.dataset.state = 'recording';
  tell('state', { state: 'recording' });
  guard(interruption);
  const filmed = { ...check, isUnhurried: at('unhurried').checked };
  const { frames, shown } = await film(filmed, isAudible, interruption.signal);
  document.removeEventListener('visibilitychange', hide);
  camera.close(at('preview'));
  if (frames) {
    await deliver(frames, shown);
  } else {
    end(interruption.signal.reason ?? 'interrupted', { again: start });
  }
}

async function deliver(frames, shown) {
  main.dataset.frames = frames.length;
  put(at('sending'), 'encrypting');
  at('sent').hidden = false;
  at('sent').removeAttribute('value');
  show('sending', 'send');
  let sealed;
  try {
    sealed = await seal(parameters, { frames, shown, camera: cameraName, consentVersion: look.consentVersion() });
  } catch {
    // This browser cannot use the certificate: another attempt would fail in the same way.
    end('ERROR');
    return;
  }
  await send(sealed);
}

async function send(sealed) {
  delete main.dataset.outcome;
  show('sending', 'send');
  for (let tries = 1; ; tries += 1) {
    put(at('sending'), 'sending');
    try {
      await session.send(sealed, (share) => { at('sent').value = share; });
      break;
    } catch (error) {
      if (error.code === 'CAPTURE_ALREADY_SENT') {
        break;
      }
      if (error.status !== 429 || tries === SENDS_MAX) {
        refused(error, () => send(sealed));
        return;
      }
      put(at('sending'), 'busy');
      await pause(1000 * error.retryAfter);
    }
  }
  await wait();
}

async function wait() {
  delete main.dataset.outcome;
  at('sent').hidden = true;
  put(at('sending'), 'waiting');
  show('waiting', 'send');
  for (let polls = 0; polls < POLLS_MAX; polls += 1) {
    let standing = { status: 'IN_PROGRESS' };
    try {
      standing = await session.standing();
    } catch (error) {
      if (error.status !== 429) {
        refused(error, wait);
        return;
      }
    }
    if (standing.status !== 'IN_PROGRESS') {
      conclude(standing);
      return;
    }
    await pause(POLL_MS);
  }
  end('slow');
}

/** Begins the next attempt. */
async function repeat() {
  at('again').hidden = true;
  try {
    await session.attempt();
  } catch (error) {
    refused(error, repeat);
    return;
  }
  // The text to agree to may have changed since the last attempt.
  await begin();
}

/** Stores the parameters of the check. */
async function take(asked) {
  parameters = asked;
  const random = bytesOf(parameters.serverRandom);
  check = {
    type: parameters.type,
    asked: await challenges(parameters.seed, random, parameters.nbChallenge ?? 0),
    colours: parameters.lightChallenge ? await lights(parameters.seed, random) : [],
  };
}

async function begin() {
  const id = new URLSearchParams(location.search).get('session');
  // Browsers do not send the part after `#`.
  const token = location.hash.slice(1);
  if (!window.isSecureContext) {
    end('insecure');
    return;
  }
  if (!navigator.mediaDevices?.getUserMedia || !window.crypto?.subtle || !HTMLCanvasElement.prototype.toBlob) {
    end('unable');
    return;
  }
  if (!id || !token) {
    end('link');
    return;
  }
  session = new Session(document.documentElement.dataset.prefix, id, token);
  try {
    const standing = await session.standing();
    look.wear(await session.look());
    if (standing.status === 'IN_PROGRESS') {
      await wait();
    } else if (standing.status === 'INITIALIZED') {
      await take(await session.parameters());
      start();
    } else {
      conclude(standing);
    }
  } catch (error) {
    refused(error, begin);
  }
}

at('language').addEventListener('change', async ({ target }) => {
  await speak(target.value);
  look.translate();
});
at('open').addEventListener('click', openCamera);
at('record').addEventListener('click', record);
at('spoken').addEventListener('change', () => globalThis.speechSynthesis?.cancel());
at('close').addEventListener('click', () => tell('closed'));
await speak(document.documentElement.lang);
tell('ready');
await begin();
