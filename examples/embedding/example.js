// A page of a provider. Its server makes the session and the token, and hands over the address of the capture page: here it
// stands behind `#` in the address of this page.

import './bio-capture.js';

const check = document.getElementById('check');
const step = document.getElementById('step');

check.addEventListener('state', ({ detail }) => { document.body.dataset.state = detail.state; });
check.addEventListener('finished', ({ detail }) => {
  document.body.dataset.status = detail.status;
  // The provider's server reads the signed result, and decides: this is what the browser says.
  step.textContent = detail.status === 'SUCCESS' ? 'The face check is done.' : 'The face check has ended.';
});
check.addEventListener('closed', () => {
  check.remove();
  document.body.dataset.state = 'closed';
  step.textContent = 'Thank you. We go on from here.';
});
check.src = decodeURIComponent(location.hash.slice(1));
