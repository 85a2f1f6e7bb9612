// What is heard and felt when something new is asked for: whose head is turned or eyes are shut reads nothing.

const MOVE = { hertz: 880, buzz: [120] };
const BACK = { hertz: 587, buzz: [60, 60, 60] };
const LASTS_S = 0.18;
const LOUD = 0.25;

/** Begin it in a click, or browsers keep it silent. */
export class Cues {
  constructor() {
    // A browser without sound still shows what is asked for.
    this.audio = globalThis.AudioContext ? new AudioContext() : undefined;
    this.given = 0;
  }

  /** A high tone and one buzz ask for a movement, a low one and two call back. */
  give(isMovement) {
    const { hertz, buzz } = isMovement ? MOVE : BACK;
    navigator.vibrate?.(buzz);
    this.#tone(hertz);
    this.given += 1;
  }

  #tone(hertz) {
    if (!this.audio) {
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
    await this.audio?.close();
  }
}
