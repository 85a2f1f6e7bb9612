// Audible and tactile cues: a person with a turned head or closed eyes cannot read.

const MOVE = { hertz: 880, buzz: [120] };
const BACK = { hertz: 587, buzz: [60, 60, 60] };
const LASTS_S = 0.18;
const LOUD = 0.25;
// A voice that repeats itself more often than this disturbs.
const SAID_APART_MS = 2500;

/** Lets the page speak later without a click: some browsers require that the first words are spoken in a click. */
export function unlockVoice() {
  globalThis.speechSynthesis?.speak(new SpeechSynthesisUtterance(''));
}

/** Create it in a click, or browsers keep it silent. `isAudible` returns true while sound is allowed. */
export class Cues {
  constructor(isAudible) {
    this.isAudible = isAudible;
    // A browser without sound still shows the prompts.
    this.audio = globalThis.AudioContext ? new AudioContext() : undefined;
    this.voice = globalThis.speechSynthesis;
    this.given = 0;
    this.said = '';
    this.saidAt = -Infinity;
  }

  /** A high tone and one buzz ask for a movement, a low tone and two buzzes ask to return. */
  give(isMovement) {
    const { hertz, buzz } = isMovement ? MOVE : BACK;
    navigator.vibrate?.(buzz);
    this.#tone(hertz);
    this.given += 1;
  }

  /** Says the words at once, in the language of the page. */
  say(words) {
    [this.said, this.saidAt] = [words, performance.now()];
    if (!this.voice || !words || !this.isAudible()) {
      return;
    }
    this.voice.cancel();
    const saying = new SpeechSynthesisUtterance(words);
    saying.lang = document.documentElement.lang;
    this.voice.speak(saying);
  }

  /** Says the words unless they were said last, or something else was said a moment ago. */
  hint(words) {
    if (words !== this.said && performance.now() - this.saidAt > SAID_APART_MS) {
      this.say(words);
    }
  }

  #tone(hertz) {
    if (!this.audio || !this.isAudible()) {
      return;
    }
    const [tone, volume] = [this.audio.createOscillator(), this.audio.createGain()];
    const [from, to] = [this.audio.currentTime, this.audio.currentTime + LASTS_S];
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(LOUD, from);
    // Without a fade, the tone clicks.
    volume.gain.exponentialRampToValueAtTime(0.001, to);
    tone.connect(volume).connect(this.audio.destination);
    tone.start(from);
    tone.stop(to);
  }

  async close() {
    this.voice?.cancel();
    await this.audio?.close();
  }
}
