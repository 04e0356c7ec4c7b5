/**
 * The line that appears while the network is gone or an answer is being tried for again.
 * @param {HTMLElement} line
 */
export function createConnection(line) {
  let waiting = 0;
  const show = () => {
    if (!navigator.onLine) line.textContent = 'You are offline. We go on as soon as the connection is back.';
    else line.textContent = waiting > 0 ? 'The connection is shaky. Trying again …' : '';
  };
  addEventListener('online', show);
  addEventListener('offline', show);
  show();
  return {
    /** @param {boolean} isWaiting */
    onWaiting(isWaiting) {
      waiting += isWaiting ? 1 : -1;
      show();
    },
  };
}
