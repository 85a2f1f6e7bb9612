// Films a check: the timed prompts with their cues, and the light of the page.

import * as camera from './camera.js';
import { Cues } from './cues.js';
import { put, text } from './texts.js';

const ARROWS = {
  TURN_LEFT: '\u2190', TURN_RIGHT: '\u2192', LOOK_UP: '\u2191', LOOK_DOWN: '\u2193', OPEN_MOUTH: '\u25ef', BLINK: '\u2014',
};
// First a look ahead, then for each movement the time to make it and the time to return. In a test with eight unhurried
// movements, three took longer than 3.4 seconds in all.
const AHEAD_MS = 1500;
const HURRIED = { moveMs: 2800, backMs: 1900 };
// The server accepts no movement longer than five seconds.
const UNHURRIED = { moveMs: 4600, backMs: 2400 };
// A capture may last 30 seconds.
const FILM_MS_MAX = 29_000;
const PASSIVE_MS = 1000;
const PASSIVE_VIDEO_MS = 3000;
// A light challenge: the face without light, each colour for half a second, and time for the delay of the device.
const DARK_MS = 500;
const LIGHT_MS = 500;
const LATE_MS = 900;
// A timer that fires slightly early does not wait for its next turn.
const EARLY_MS = 20;

const main = document.querySelector('main');
const at = (id) => document.getElementById(id);

/** Returns the prompts with their times, in milliseconds from the beginning, and the film's duration. */
export function script({ type, asked, colours, isUnhurried }) {
  if (type !== 'LIVENESS_ACTIVE') {
    const durationMs = type === 'LIVENESS_PASSIVE' ? PASSIVE_MS : PASSIVE_VIDEO_MS;
    const litMs = colours.length ? DARK_MS + colours.length * LIGHT_MS + LATE_MS : 0;
    return { steps: [{ from: 0, text: 'holdStill', name: '', done: 0 }], durationMs: Math.max(durationMs, litMs) };
  }
  const { moveMs, backMs } = isUnhurried ? UNHURRIED : HURRIED;
  const share = Math.min(1, (FILM_MS_MAX - AHEAD_MS) / (asked.length * (moveMs + backMs)));
  const steps = [{ from: 0, text: 'lookAhead', name: '', done: 0 }];
  let from = AHEAD_MS;
  for (const [done, name] of asked.entries()) {
    steps.push({ from, text: name, name, done });
    steps.push({ from: from + share * moveMs, text: 'backAhead', name: '', done: done + 1 });
    from += share * (moveMs + backMs);
  }
  return { steps, durationMs: Math.round(from) };
}

/** Shows a prompt, and the movement that it asks for, if there is one. */
export function prompt(name, movement = '') {
  put(at('prompt'), name);
  at('arrow').textContent = ARROWS[movement] ?? '';
  main.dataset.challenge = movement;
}

/** Lists the movements, of which the first `done` are filmed. */
export function list(asked, done) {
  const item = (name, place) => {
    const line = document.createElement('li');
    const words = line.appendChild(document.createElement('span'));
    put(words, name);
    if (place < done) {
      line.className = 'done';
      put(line.appendChild(document.createElement('span')), 'stepDone');
    }
    return line;
  };
  at('steps').replaceChildren(...asked.map(item));
}

/** Lights the face with the page: shows the next colour when the time of the one before is over, and records when. */
function lamp(colours) {
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

/** Films the check; returns the frames, if it was not interrupted, and the times at which the colours came on. */
export async function film(check, isAudible, signal) {
  const { steps, durationMs } = script(check);
  const left = [...steps];
  const cues = new Cues(isAudible);
  const light = lamp(check.colours);
  const tell = (over) => {
    light.tell(over);
    at('recorded').value = over / durationMs;
    while (left.length && left[0].from <= over) {
      const step = left.shift();
      prompt(step.text, step.name);
      cues.say(text(step.text));
      if (step.from > 0) {
        cues.give(step.name !== '');
        list(check.asked, step.done);
      }
    }
  };
  let frames;
  try {
    frames = await camera.film(at('preview'), durationMs, tell, signal);
  } catch {
    // A picture that could not be encoded counts as an interruption.
  }
  light.out();
  main.dataset.cues = cues.given;
  cues.close();
  return { frames, shown: light.shown };
}
