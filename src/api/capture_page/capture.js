// Derives what a check asks for, and seals frames into a capture. docs/capture.md describes it in words.

import { CompactEncrypt, importX509 } from './jose.js';

// The order matters: it is part of the derivation.
const CHALLENGES = ['TURN_LEFT', 'TURN_RIGHT', 'LOOK_UP', 'LOOK_DOWN', 'OPEN_MOUTH', 'BLINK'];
const LIGHTS = ['SKY', 'MINT', 'SUN', 'ROSE'];
const LIGHTS_COUNT = 8;
const BLOCKS_MAX = 256;

const utf8 = new TextEncoder();

/** Decodes base64 to bytes. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Derives the first `count` of `names` from a seed (a 32-bit integer) and a random number (32 bytes). */
async function drawn(label, names, seed, serverRandom, count) {
  const salt = new Uint8Array(4);
  new DataView(salt.buffer).setInt32(0, seed);
  const key = await crypto.subtle.importKey('raw', serverRandom, 'HKDF', false, ['deriveBits']);
  // The largest multiple of their number that fits in a byte: bytes from there on would favour some names.
  const fair = Math.floor(255 / names.length) * names.length;
  const found = [];
  for (let number = 0; number < BLOCKS_MAX && found.length < count; number += 1) {
    const info = Uint8Array.from([...utf8.encode(label), number]);
    const block = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, key, 256);
    for (const byte of new Uint8Array(block)) {
      const choice = names[byte % names.length];
      if (byte < fair && found.length < count && found.at(-1) !== choice) {
        found.push(choice);
      }
    }
  }
  return found;
}

/** Returns the first `count` movements of the check with this seed and random number. */
export function challenges(seed, serverRandom, count) {
  return drawn('bioserver challenges v1', CHALLENGES, seed, serverRandom, count);
}

/** Returns the colours of the light challenge with this seed and random number. */
export function lights(seed, serverRandom) {
  return drawn('bioserver lights v1', LIGHTS, seed, serverRandom, LIGHTS_COUNT);
}

/** Returns the head of a CBOR item (RFC 8949, section 3): its major type, and a number below 2^32. */
function head(major, number) {
  if (number < 24) {
    return Uint8Array.of((major << 5) | number);
  }
  const [information, size] = number < 0x100 ? [24, 1] : number < 0x10000 ? [25, 2] : [26, 4];
  const bytes = new Uint8Array(1 + size);
  bytes[0] = (major << 5) | information;
  for (let place = 0; place < size; place += 1) {
    bytes[size - place] = number >>> (8 * place);
  }
  return bytes;
}

/** Yields the parts of a value's CBOR: non-negative integers, texts, bytes, lists, and objects as maps. */
function* parts(value) {
  if (typeof value === 'number') {
    yield head(0, value);
  } else if (value instanceof Uint8Array) {
    yield head(2, value.length);
    yield value;
  } else if (typeof value === 'string') {
    const text = utf8.encode(value);
    yield head(3, text.length);
    yield text;
  } else if (Array.isArray(value)) {
    yield head(4, value.length);
    for (const item of value) {
      yield* parts(item);
    }
  } else {
    const members = Object.entries(value);
    yield head(5, members.length);
    for (const [name, member] of members) {
      yield* parts(name);
      yield* parts(member);
    }
  }
}

/** Encodes a value as CBOR. */
export function cbor(value) {
  const all = [...parts(value)];
  const encoded = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of all) {
    encoded.set(part, place);
    place += part.length;
  }
  return encoded;
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Returns the sealed capture of the check with these parameters, made from frames (`{ t_ms, jpeg }`). `shown` are the
 * times at which the colours of a light challenge came on, `camera` is the camera's name from its driver, and
 * `consentVersion` names the text that the person has agreed to.
 */
export async function seal(parameters, { frames, shown = [], camera = '', consentVersion = '' }) {
  const capture = {
    version: 1,
    id: parameters.id,
    serverRandom: bytesOf(parameters.serverRandom),
    mode: parameters.type,
    sdkInfo: { sdkVersion: 'capture page' },
    frames,
    ...(shown.length ? { lights: shown } : {}),
    ...(camera ? { deviceInfo: { camera } } : {}),
    ...(consentVersion ? { consentVersion } : {}),
  };
  const certificate = parameters.certificates[0];
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`;
  const kid = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(certificate))));
  const sealing = new CompactEncrypt(cbor(capture));
  sealing.setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid });
  return sealing.encrypt(await importX509(pem, 'ECDH-ES'));
}
