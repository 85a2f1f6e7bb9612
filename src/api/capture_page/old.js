// Informs people whose browser cannot run the page's modules. It works in any browser.
(function () {
  var PATIENCE_MS = 15000;
  function tell() {
    var main = document.getElementsByTagName('main')[0];
    if (main.getAttribute('data-state') === 'loading') {
      document.getElementById('old').hidden = false;
      document.getElementById('loading').hidden = true;
      main.setAttribute('data-state', 'old');
    }
  }
  if ('noModule' in document.createElement('script')) {
    window.addEventListener('error', tell);
    setTimeout(tell, PATIENCE_MS);
  } else {
    tell();
  }
}());
