/* global document, EventSource */
// In the browser. Whatever comes is set as text, never as HTML.
const { task } = document.currentScript.dataset;
const show = (id, text) => (document.getElementById(id).textContent = text);
const source = new EventSource(`/reports/${task}/events`);

source.addEventListener('task', ({ data }) => {
  const { state, progress, error, finished } = JSON.parse(data);
  show('state', state);
  show('message', progress?.message ?? error ?? '');
  document.getElementById('bar').value = state === 'completed' ? 1 : (progress?.fraction ?? 0);
  document.getElementById('abort').disabled = finished;
  if (finished) source.close();
});

source.addEventListener('line', ({ data }) => {
  const { at, level, text } = JSON.parse(data);
  document.getElementById('log').append(`${at.slice(11, 19)} ${level} ${text}\n`);
});
