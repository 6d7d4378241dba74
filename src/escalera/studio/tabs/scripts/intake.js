// Files, folders, zips and the camera's pictures, sent to the set and class that are chosen. `element` is the component.
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function send(files) {
  const target = document.querySelector('#pictures-target [data-set]').dataset;
  if (!target.set) return say(words.no_set);
  const total = { taken: 0, known: 0, refused: [], all: 0 };
  for (const [place, one] of files.entries()) {
    say(fill(words.sending, { n: place + 1, all: files.length }));
    const query = new URLSearchParams({ ...target, path: one.path });
    let found;
    try {
      const answer = await fetch(`../pictures?${query}`, {
        method: 'POST', body: one.content, headers: { 'content-type': 'application/octet-stream' },
      });
      found = await answer.json();
      if (found.error) found = { taken: 0, known: 0, refused: [[one.path, answer.status === 413 ? words.too_large : found.error]], all_refused: 1 };
    } catch {
      found = { taken: 0, known: 0, refused: [[one.path, words.gone]], all_refused: 1 };
    }
    total.taken += found.taken; total.known += found.known; total.all += found.all_refused;
    total.refused.push(...found.refused);
  }
  const parts = [fill(words.taken, { n: total.taken })];
  if (total.known) parts.push(fill(words.known, { n: total.known }));
  if (total.all) parts.push(fill(words.refused, { n: total.all }));
  say(parts.join(' '));
  part('refused').replaceChildren(...total.refused.slice(0, 50).map(([name, why]) => {
    const line = document.createElement('li');
    line.textContent = `${name}: ${why}`;
    return line;
  }));
  trigger('sent');
}

// One after the other: two drops at once would tell of each other's files.
let waiting = Promise.resolve();
const queue = files => { if (files.length) waiting = waiting.then(() => send(files)); };

const given = input => [...input.files].map(file => ({ path: file.webkitRelativePath || file.name, content: file }));
for (const name of ['files', 'folder']) {
  part(name).addEventListener('change', event => { queue(given(event.target)); event.target.value = ''; });
}

async function inside(entry, before) {
  const path = before ? `${before}/${entry.name}` : entry.name;
  if (entry.isFile) {
    return [{ path, content: await new Promise((done, failed) => entry.file(done, failed)) }];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) break;
    for (const one of some) found.push(...await inside(one, path));
  }
  return found;
}
const drop = part('drop');
drop.addEventListener('dragover', event => { event.preventDefault(); drop.classList.add('over'); });
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', async event => {
  event.preventDefault();
  drop.classList.remove('over');
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
  const found = [];
  for (const entry of entries) found.push(...await inside(entry, ''));
  queue(found.filter(one => !one.path.split('/').some(name => name.startsWith('.'))));
});

// The camera: asked for only after consent; the picture stays in the browser until the button is held.
const burst = part('burst'), shots = part('shots');
let timer = null, taken = [];
camera.begins = () => { burst.hidden = false; say(''); };
camera.ends = () => { release(); burst.hidden = true; };
part('consent').addEventListener('change', event => {
  power.disabled = !event.target.checked;
  if (!event.target.checked) off();
});
function shoot() {
  if (!video.videoWidth) return;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  const shot = document.createElement('canvas');
  shot.height = 56; shot.width = Math.round(56 * canvas.width / canvas.height);
  shot.getContext('2d').drawImage(canvas, 0, 0, shot.width, shot.height);
  shots.append(shot);
  taken.push(new Promise(done => canvas.toBlob(done, 'image/jpeg', 0.92)));
  say(fill(words.shot, { n: taken.length }));
}
function hold() {
  if (timer || !stream) return;
  shots.replaceChildren(); taken = [];
  shoot();
  timer = setInterval(() => taken.length < 200 ? shoot() : release(), 150);
}
async function release() {
  if (!timer) return;
  clearInterval(timer);
  timer = null;
  const some = await Promise.all(taken);
  queue(some.filter(Boolean).map(content => ({ path: 'camera.jpg', content })));
}
burst.addEventListener('pointerdown', event => { burst.setPointerCapture(event.pointerId); hold(); });
for (const name of ['pointerup', 'pointercancel', 'lostpointercapture', 'blur']) burst.addEventListener(name, release);
burst.addEventListener('keydown', event => {
  if (event.key !== ' ' && event.key !== 'Enter') return;
  event.preventDefault();
  if (!event.repeat) hold();
});
burst.addEventListener('keyup', event => { event.preventDefault(); release(); });
