// What is heard and felt when something is asked for: whose head is turned or eyes are shut reads nothing.

const MOVE = { hertz: 880, buzz: [120] };
const BACK = { hertz: 587, buzz: [60, 60, 60] };
const LASTS_S = 0.18;
const LOUD = 0.25;
// A voice that repeats itself more often than this is in the way.
const SAID_APART_MS = 2500;

/** Lets the page speak later on, when nobody clicks: some browsers want the first words to be spoken in a click. */
export function unlockVoice() {
  globalThis.speechSynthesis?.speak(new SpeechSynthesisUtterance(''));
}

/** Begin it in a click, or browsers keep it silent. `isAudible` says at each moment whether anything may be heard. */
export class Cues {
  constructor(isAudible) {
    this.isAudible = isAudible;
    // A browser without sound still shows what is asked for.
    this.audio = globalThis.AudioContext ? new AudioContext() : undefined;
    this.voice = globalThis.speechSynthesis;
    this.given = 0;
    this.said = '';
    this.saidAt = -Infinity;
  }

  /** A high tone and one buzz ask for a movement, a low one and two call back. */
  give(isMovement) {
    const { hertz, buzz } = isMovement ? MOVE : BACK;
    navigator.vibrate?.(buzz);
    this.#tone(hertz);
    this.given += 1;
  }

  /** Says this at once, in the language of the page. */
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

  /** Says this unless it was said last, or something else was a moment ago. */
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
    // Without a fade it clicks.
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
