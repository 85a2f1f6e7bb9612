// The provider's look, the consent that it asks for, and the address to which the page returns.

import { moment, put } from './texts.js';

const root = document.documentElement;
const at = (id) => document.getElementById(id);

let look = {};

/** Applies this provider's look to the page. */
export function wear(given) {
  if (given.consent?.version !== look.consent?.version) {
    at('accepted').checked = false;
  }
  look = given;
  at('provider').hidden = !look.name && !look.logo;
  at('name').textContent = look.name ?? '';
  at('logo').hidden = !look.logo;
  if (look.logo) {
    at('logo').src = look.logo;
  }
  if (look.colour) {
    root.style.setProperty('--button', look.colour);
    root.style.setProperty('--button-ink', look.textColour);
  }
  at('asked-by').hidden = !look.name;
  put(at('asked-by'), 'askedBy', { name: look.name ?? '' });
  at('consent').hidden = !look.consent;
  const back = at('back');
  if (look.returnUrl) {
    back.href = look.returnUrl;
    put(back, look.name ? 'back' : 'backUnnamed', { name: look.name ?? '' });
  }
  translate();
}

/** Fills in the texts that depend on the language and come from the server. */
export function translate() {
  if (look.expires) {
    put(at('kept'), look.imageStorageEnabled ? 'keptPicture' : 'keptFilm', { time: moment(look.expires) });
  }
  if (look.consent) {
    const texts = look.consent.texts;
    const inLanguage = (wanted) => texts.find(({ language }) => language.split('-')[0] === wanted);
    const told = inLanguage(root.lang) ?? inLanguage('en') ?? texts[0];
    at('consent-text').textContent = told.text;
    at('consent-text').lang = told.language;
    // The text may be in another script than the page.
    at('consent-text').dir = 'auto';
  }
}

/** Returns the version of the text that the person has agreed to; empty if no consent is asked for. */
export function consentVersion() {
  return look.consent?.version ?? '';
}

/** Returns false, and shows a message, if the person has not yet agreed. */
export function isAgreed() {
  const isMissing = Boolean(look.consent) && !at('accepted').checked;
  put(at('accept-first'), isMissing ? 'acceptFirst' : '');
  at('accepted').setAttribute('aria-invalid', String(isMissing));
  if (isMissing) {
    at('accepted').focus();
  }
  return !isMissing;
}

/** True if the page returns to an address in the end. */
export function leadsBack() {
  return Boolean(look.returnUrl);
}
