const named = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text from outside, safe between tags and in quoted attributes. */
const escape = (text) => String(text).replace(/[&<>"']/g, (character) => named[character]);

const page = (title, body) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
${body}
</html>
`;

export const formPage = (key) =>
  page(
    'Reports',
    `<h1>Reports</h1>
<form method="post" action="/reports">
  <input type="hidden" name="key" value="${escape(key)}">
  <label>Title <input name="title" required></label>
  <label>Month <input name="month" placeholder="2026-11" required></label>
  <button>Make it</button>
</form>`,
  );

/** Complete without JavaScript, by a reload; page.js keeps it up to date. */
export const taskPage = (task) =>
  page(
    task.input.title,
    `<h1>${escape(task.input.title)} (${escape(task.input.month)})</h1>
<p><b id="state">${escape(task.state)}</b> <progress id="bar" max="1" value="${task.progress?.fraction ?? 0}"></progress>
<span id="message">${escape(task.progress?.message ?? task.error?.code ?? '')}</span></p>
<form method="post" action="/reports/${escape(task.id)}/abort"><button id="abort">Stop it</button></form>
<pre id="log"></pre>
<script src="/page.js" data-task="${escape(task.id)}"></script>`,
  );
