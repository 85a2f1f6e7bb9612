// A page of a provider. The provider's server creates the session and the token, and passes on the address of the
// capture page, here after `#` in this page's own address.

import './bio-capture.js';

const check = document.getElementById('check');
const step = document.getElementById('step');

check.addEventListener('state', ({ detail }) => { document.body.dataset.state = detail.state; });
check.addEventListener('finished', ({ detail }) => {
  document.body.dataset.status = detail.status;
  // The provider's server reads the signed result and decides; this is only the browser's word.
  step.textContent = detail.status === 'SUCCESS' ? 'The face check is done.' : 'The face check has ended.';
});
check.addEventListener('closed', () => {
  check.remove();
  document.body.dataset.state = 'closed';
  step.textContent = 'Thank you. We go on from here.';
});
check.src = decodeURIComponent(location.hash.slice(1));
