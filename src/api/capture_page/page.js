// The way through the page: explain, open the camera, film, seal, send, wait, tell.
//
// `data-state` and `data-outcome` on the main element say where it stands.

import * as camera from './camera.js';
import { bytesOf, challenges, lights, seal } from './capture.js';
import { Cues } from './cues.js';
import { Refusal, Session } from './server.js';

const ARROWS = {
  TURN_LEFT: '\u2190', TURN_RIGHT: '\u2192', LOOK_UP: '\u2191', LOOK_DOWN: '\u2193', OPEN_MOUTH: '\u25ef', BLINK: '\u2014',
};
// A look ahead in the beginning, then each movement with time to make it and time to come back: of eight that nobody
// hurried, three took longer than 3.4 seconds in all.
const AHEAD_MS = 1500;
const MOVE_MS = 2800;
const BACK_MS = 1900;
const PASSIVE_MS = 1000;
const PASSIVE_VIDEO_MS = 3000;
// A check by light: a face without it, each colour for half a second, and time for what this device is late.
const DARK_MS = 500;
const LIGHT_MS = 500;
const LATE_MS = 900;
// A timer that comes a little early does not wait for its next turn.
const EARLY_MS = 30;

const POLL_MS = 1000;
const POLLS_MAX = 120;
const SENDS_MAX = 5;

const main = document.querySelector('main');
const at = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let texts;
let session;
let parameters;
let asked;
let colours;
let cameraName = '';

/** Shows one section; its heading is read aloud. */
function show(state, section) {
  main.dataset.state = state;
  for (const other of main.querySelectorAll('section')) {
    other.hidden = other.id !== section;
  }
  at(section).querySelector('h2').focus();
}

/** The last words, by their name in the texts; `again` is what a button does, if there is one. */
function end(name, again) {
  at('outcome').textContent = texts[name];
  at('advice').textContent = texts[`${name}_advice`];
  main.dataset.outcome = name;
  at('again').hidden = !again;
  at('again').onclick = again ?? null;
  show('end', 'end');
}

/** What a refusal means to the person. */
function refused(error, again) {
  if (!(error instanceof Refusal) || error.status === 0 || error.status >= 500 || error.status === 429) {
    end('connection', again);
  } else if ([401, 403, 404].includes(error.status)) {
    end('link');
  } else if (error.code === 'CAPTURE_TOO_LATE') {
    end('TIMEOUT');
  } else {
    end('refused', start);
  }
}

/** What to say when, in milliseconds from the beginning, and when it ends. */
function script() {
  if (parameters.type !== 'LIVENESS_ACTIVE') {
    const durationMs = parameters.type === 'LIVENESS_PASSIVE' ? PASSIVE_MS : PASSIVE_VIDEO_MS;
    const litMs = colours.length ? DARK_MS + colours.length * LIGHT_MS + LATE_MS : 0;
    return { steps: [{ from: 0, text: texts.holdStill, name: '' }], durationMs: Math.max(durationMs, litMs) };
  }
  const steps = [{ from: 0, text: texts.lookAhead, name: '' }];
  let from = AHEAD_MS;
  for (const name of asked) {
    steps.push({ from, text: texts[name], name });
    steps.push({ from: from + MOVE_MS, text: texts.backAhead, name: '' });
    from += MOVE_MS + BACK_MS;
  }
  return { steps, durationMs: from };
}

function say({ text, name }) {
  at('prompt').textContent = text;
  at('arrow').textContent = ARROWS[name] ?? '';
  main.dataset.challenge = name;
}

/** Lights the face by the page: shows the next colour when the one before has had its time, and says when it did. */
function lamp() {
  const left = [...colours];
  const shown = [];
  return {
    shown,
    tell(over) {
      const due = shown.length ? shown.at(-1) + LIGHT_MS - EARLY_MS : DARK_MS;
      if (over >= due && (left.length || document.body.dataset.light)) {
        const colour = left.shift() ?? '';
        document.body.dataset.light = colour;
        if (colour) {
          shown.push(Math.round(over));
        }
      }
    },
    out() {
      document.body.dataset.light = '';
    },
  };
}

function start() {
  delete main.dataset.outcome;
  const explanations = {
    LIVENESS_ACTIVE: texts.explainActive,
    LIVENESS_PASSIVE: texts.explainPassive,
    LIVENESS_PASSIVE_VIDEO: texts.explainPassiveVideo,
  };
  at('explanation').textContent = explanations[parameters.type];
  at('light').hidden = !colours.length;
  show('start', 'start');
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    end('insecure');
    return;
  }
  at('open').disabled = true;
  try {
    cameraName = await camera.open(at('preview'));
  } catch (error) {
    const names = { NotAllowedError: 'denied', NotFoundError: 'noCamera' };
    end(names[error.name] ?? 'cameraBusy', start);
    return;
  } finally {
    at('open').disabled = false;
  }
  say({ text: texts.ready, name: '' });
  at('record').hidden = false;
  at('recorded').hidden = true;
  show('ready', 'camera');
}

async function record() {
  const { steps, durationMs } = script();
  const interruption = new AbortController();
  const hide = () => interruption.abort();
  // Browsers stop timers and cameras of pages that are not in front.
  document.addEventListener('visibilitychange', hide);
  at('record').hidden = true;
  at('recorded').hidden = false;
  main.dataset.state = 'recording';
  const left = [...steps];
  const cues = new Cues();
  const light = lamp();
  const tell = (over) => {
    light.tell(over);
    at('recorded').value = over / durationMs;
    while (left.length && left[0].from <= over) {
      const step = left.shift();
      say(step);
      if (step.from > 0) {
        cues.give(step.name !== '');
      }
    }
  };
  let frames;
  try {
    frames = await camera.film(at('preview'), durationMs, tell, interruption.signal);
  } catch {
    // A picture that could not be made counts as an interruption.
  }
  light.out();
  main.dataset.cues = cues.given;
  cues.close();
  document.removeEventListener('visibilitychange', hide);
  camera.close(at('preview'));
  if (frames) {
    await deliver(frames, light.shown);
  } else {
    end('interrupted', start);
  }
}

async function deliver(frames, shown) {
  at('sending').textContent = texts.encrypting;
  at('sent').hidden = false;
  at('sent').removeAttribute('value');
  show('sending', 'send');
  let sealed;
  try {
    sealed = await seal(parameters, frames, shown, cameraName);
  } catch {
    // A certificate that this browser cannot use: another try would end the same way.
    end('ERROR');
    return;
  }
  await send(sealed);
}

async function send(sealed) {
  delete main.dataset.outcome;
  show('sending', 'send');
  for (let tries = 1; ; tries += 1) {
    at('sending').textContent = texts.sending;
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
      at('sending').textContent = texts.busy;
      await pause(1000 * error.retryAfter);
    }
  }
  await wait();
}

async function wait() {
  delete main.dataset.outcome;
  at('sent').hidden = true;
  at('sending').textContent = texts.waiting;
  show('waiting', 'send');
  for (let polls = 0; polls < POLLS_MAX; polls += 1) {
    let status = 'IN_PROGRESS';
    try {
      status = await session.status();
    } catch (error) {
      if (error.status !== 429) {
        refused(error, wait);
        return;
      }
    }
    if (status !== 'IN_PROGRESS') {
      end(status);
      return;
    }
    await pause(POLL_MS);
  }
  end('slow');
}

async function begin() {
  const id = new URLSearchParams(location.search).get('session');
  // What follows `#` never leaves the browser on its own.
  const token = location.hash.slice(1);
  if (!id || !token) {
    end('link');
    return;
  }
  session = new Session(document.documentElement.dataset.prefix, id, token);
  try {
    const status = await session.status();
    if (status === 'IN_PROGRESS') {
      await wait();
    } else if (status === 'INITIALIZED') {
      parameters = await session.parameters();
      const random = bytesOf(parameters.serverRandom);
      asked = await challenges(parameters.seed, random, parameters.nbChallenge ?? 0);
      colours = parameters.lightChallenge ? await lights(parameters.seed, random) : [];
      start();
    } else {
      end(status);
    }
  } catch (error) {
    refused(error, begin);
  }
}

at('open').addEventListener('click', openCamera);
at('record').addEventListener('click', record);
texts = await (await fetch('/capture/texts.json')).json();
await begin();
