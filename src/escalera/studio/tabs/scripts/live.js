// What a model says of what the camera sees, or of a file: asked again as soon as it has answered. `element` is the component.
const still = part('still'), bars = part('bars');
const chosen = document.querySelector('#pictures-model');
const key = () => chosen.querySelector('[data-model]')?.dataset.model;
let shown = null;  // the file that is on show
let asked = 0;
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: 'percent', maximumFractionDigits: 1 });

// Without an answer, that to the picture before must not stay beside this one.
function silent(why) {
  part('answer').textContent = '';
  bars.replaceChildren();
  say(why);
}

async function ask(content) {
  const mine = ++asked, model = key();
  if (!model) return silent(words.no_model);
  let found;
  try {
    const query = new URLSearchParams({ model, top: 5 });
    const answer = await fetch(`../predict?${query}`, {
      method: 'POST', body: content, headers: { 'content-type': 'application/octet-stream' },
    });
    found = await answer.json();
  } catch {
    found = null;
  }
  if (mine !== asked) return;  // another question was put since
  if (!found) return silent(words.gone);
  if (found.error) return silent(words.trouble);
  part('answer').textContent = found.class;
  bars.replaceChildren(...found.classes.map(one => {
    const line = document.createElement('li'), name = document.createElement('span');
    const share = document.createElement('b'), bar = document.createElement('i');
    name.textContent = one.name; share.textContent = percent.format(one.probability);
    bar.style.width = `${100 * one.probability}%`;
    line.append(name, share, bar);
    return line;
  }));
  say('');
}

part('file').addEventListener('change', event => {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  off();
  URL.revokeObjectURL(still.src);
  still.src = URL.createObjectURL(file);
  still.hidden = false;
  shown = file;
  ask(file);
});

// Without a model there is nothing to ask, and no reason to look at anybody.
function ready() {
  const there = Boolean(key()), file = part('file');
  power.disabled = file.disabled = !there;
  file.closest('label').setAttribute('aria-disabled', String(!there));
  if (!there) off();
  say(there ? '' : words.no_model);
}
ready();

// What one model said must not stay beside the name of another.
let before = key();
new MutationObserver(() => {
  if (key() === before) return;
  before = key();
  ready();
  if (shown) return ask(shown);
  asked++;  // nor may an answer that is still on its way
  silent(before ? '' : words.no_model);
}).observe(chosen, { childList: true, subtree: true });

camera.begins = () => { still.hidden = true; shown = null; };
camera.shows = async () => {
  const canvas = document.createElement('canvas');
  while (stream) {
    const scale = Math.min(1, 320 / Math.max(1, video.videoWidth, video.videoHeight));
    canvas.width = Math.round(scale * video.videoWidth); canvas.height = Math.round(scale * video.videoHeight);
    if (canvas.width && video.offsetParent) {
      canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
      await ask(await new Promise(done => canvas.toBlob(done, 'image/jpeg', 0.9)));
    }
    await new Promise(done => setTimeout(done, 120));
  }
};
